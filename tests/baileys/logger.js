/** What Baileys says, and only says, when app state does not verify or can't be read. */
const COMPLAINTS = [/^failed to (sync|decode patch)/, /blocked on missing key/, /LTHash/]

/** Makes a logger in pino's shape that passes on complaints about app state and forgets the rest. */
export function makeLogger(complain) {
	const log = (first, second) => {
		const text = typeof first === 'string' ? first : (second ?? '')
		if (COMPLAINTS.some(complaint => complaint.test(text))) {
			complain([text, reasonOf(first)].filter(Boolean).join(': '))
		}
	}
	const logger = { level: 'info', child: () => logger }
	for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) logger[level] = log
	return logger
}

/** The first line of the error that was logged along; the others are its stack. */
function reasonOf(details) {
	return String(details?.error ?? details?.err?.message ?? '').split('\n')[0]
}
