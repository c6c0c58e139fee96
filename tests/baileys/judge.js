/**
 * Links Baileys, a WhatsApp client that shares no code with ours, to an account of the simulator and
 * tells what it sees of the app state, every MAC verified, and of calls.
 *
 *   node judge.js --endpoint 127.0.0.1:PORT --root-key HEX --control http://127.0.0.1:PORT --account PN
 *
 * Prints one JSON object a line:
 *   {"event":"open","jid"}                              linked and logged in
 *   {"event":"synced","collection","version","hash"}    a collection was read up to a version
 *   {"event":"archive","jid","archived"}                a chat was archived or brought back
 *   {"event":"done","id"}                               the command with that id was accepted
 *   {"event":"call","id","from","status","video"}       somebody calls, or a call is over
 *   {"event":"error","detail"}                          something that a good server never causes
 * Takes one JSON object a line, each with an "id" and one of
 *   {"archive":JID,"archived":bool}  {"reject":CALL,"from":JID}
 *   {"fetch":COLLECTION}                                read it from its beginning
 * Ends when its input ends.
 */
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

import { Account } from './account.js'

function report(event) {
	process.stdout.write(`${JSON.stringify(event)}\n`)
}

function fail(error) {
	report({ event: 'error', detail: error.message })
	process.exitCode = 1
}

function readOptions() {
	const options = { endpoint: { type: 'string' }, 'root-key': { type: 'string' } }
	options.control = { type: 'string' }
	options.account = { type: 'string' }
	const { values } = parseArgs({ options })
	for (const name of Object.keys(options)) {
		if (!values[name]) throw new Error(`--${name} is missing`)
	}
	return values
}

function carryOut(account, { archive: jid, archived, reject: call, from, fetch: collection }) {
	if (collection) return account.fetch(collection)
	return call ? account.reject(call, from) : account.archive(jid, archived)
}

/** Carries out one command after the other, until there are no more. */
async function obey(account) {
	for await (const line of createInterface({ input: process.stdin })) {
		try {
			const command = JSON.parse(line)
			await carryOut(account, command)
			report({ event: 'done', id: command.id })
		} catch (error) {
			fail(error)
		}
	}
}

// libsignal prints sessions with their keys to the console.
for (const method of ['log', 'info', 'warn', 'error', 'debug', 'trace']) console[method] = () => {}

try {
	const account = new Account(readOptions(), report)
	account.open()
	await obey(account)
	account.close()
} catch (error) {
	fail(error)
}
process.exit()
