package wa

import (
	"context"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// deviceContainer stands between whatsmeow and its own container: it keeps which device of ours a JID
// belongs to, and takes over a device's stores as soon as they exist.
type deviceContainer struct {
	link *link
}

// PutDevice saves a device. The first time, that is during the pairing, it gets its stores by it. Later
// it is saved when the account's push name or LID changes, here the one place where reading them is no
// race.
func (c deviceContainer) PutDevice(ctx context.Context, device *store.Device) error {
	tenant := c.link.session.tenant
	isNew := !device.Initialized
	err := tenant.store.db.DoTxn(context.WithoutCancel(ctx), nil, func(ctx context.Context) error {
		prepare := tenant.store.checkOwner
		if isNew {
			prepare = tenant.store.claim
		}
		if err := prepare(ctx, c.link.session.deviceID, *device.ID); err != nil {
			return err
		}
		return tenant.store.container.PutDevice(ctx, device)
	})
	if err != nil {
		return storageError(err)
	}
	if isNew {
		c.link.install()
	}
	c.link.feed.noteMigration(device)
	name, lid := device.PushName, device.LID
	c.link.session.mailbox.post(func() { c.link.session.renamed(c.link, name, lid) })
	return nil
}

// DeleteDevice erases a device's keys and always returns an error, errErased if it succeeded. On success
// whatsmeow would replace the device's fields while its other goroutines read them.
func (c deviceContainer) DeleteDevice(ctx context.Context, device *store.Device) error {
	session, unlinked := c.link.session, condition{state: StatusLoggedOut, reason: reasonUnlinked}
	err := session.tenant.store.erase(context.WithoutCancel(ctx), session.deviceID, *device.ID, unlinked)
	if err != nil {
		return err
	}
	return errErased
}

// noSecrets keeps no message secrets: they come from message content, which is never stored.
type noSecrets struct{}

func (noSecrets) PutMessageSecrets(context.Context, []store.MessageSecretInsert) error { return nil }

func (noSecrets) PutMessageSecret(context.Context, types.JID, types.JID, types.MessageID, []byte) error {
	return nil
}

func (noSecrets) GetMessageSecret(
	context.Context, types.JID, types.JID, types.MessageID,
) ([]byte, types.JID, error) {
	return nil, types.EmptyJID, nil
}
