package rpc

import (
	"io"
	"log/slog"
	"regexp"
	"runtime/debug"

	"go.mau.fi/whatsmeow/store"

	"wuts/wa"
)

var versionPattern = regexp.MustCompile(`^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}$`)

type configParams struct {
	DevicesDir string        `json:"devices_dir"`
	Network    networkParams `json:"network"`
	OSName     string        `json:"os_name"`
	WAVersion  string        `json:"wa_version"`
	SpoolLimit int           `json:"spool_limit"`
	LogLevel   string        `json:"log_level"`
}

type networkParams struct {
	Kind     string `json:"kind"`
	Endpoint string `json:"endpoint"`
	RootKey  string `json:"root_key"`
}

func (p configParams) validate() error {
	if p.DevicesDir == "" {
		return invalid("devices_dir is missing")
	}
	if p.SpoolLimit < 0 {
		return invalid("spool_limit is negative")
	}
	return nil
}

// version is what devices say they are; zero if whatsmeow is to say it.
func (p configParams) version() (store.WAVersionContainer, error) {
	if p.WAVersion == "" {
		return store.WAVersionContainer{}, nil
	}
	version, err := store.ParseVersion(p.WAVersion)
	if err != nil || !versionPattern.MatchString(p.WAVersion) {
		return version, invalid("wa_version is not three numbers with dots")
	}
	return version, nil
}

func (p networkParams) network() (wa.Network, error) {
	switch p.Kind {
	case "whatsapp":
		if p.Endpoint != "" || p.RootKey != "" {
			return wa.Network{}, invalid("endpoint and root_key belong to network kind simulator")
		}
		return wa.Network{}, nil
	case "simulator":
		network, err := wa.SimulatorNetwork(p.Endpoint, p.RootKey)
		if err != nil {
			return wa.Network{}, invalid("network: %s", err.Error())
		}
		return network, nil
	}
	return wa.Network{}, invalid("network kind is neither whatsapp nor simulator")
}

// parseConfig reads wa_start's request. The log goes out as JSON lines.
func parseConfig(text []byte, log io.Writer) (wa.Config, error) {
	var params configParams
	if err := decodeStrict(text, &params); err != nil {
		return wa.Config{}, err
	}
	network, err := params.Network.network()
	if err != nil {
		return wa.Config{}, err
	}
	var level slog.Level
	if params.LogLevel != "" && level.UnmarshalText([]byte(params.LogLevel)) != nil {
		return wa.Config{}, invalid("log_level is not debug, info, warn or error")
	}
	version, err := params.version()
	if err != nil {
		return wa.Config{}, err
	}
	return wa.Config{
		DevicesDir: params.DevicesDir,
		Version:    version,
		Network:    network,
		OSName:     params.OSName,
		SpoolLimit: params.SpoolLimit,
		Log:        slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: level})),
	}, nil
}

func whatsmeowVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, dependency := range info.Deps {
		if dependency.Path == "go.mau.fi/whatsmeow" {
			return dependency.Version
		}
	}
	return "unknown"
}
