import { DisconnectReason, makeWASocket, WA_CERT_DETAILS } from 'baileys'

import { makeCredentials, VERSIONS } from './credentials.js'
import { makeLogger } from './logger.js'

/** One Baileys device of one account, linked by letting the simulated phone scan its QR. */
export class Account {
	#options
	#report
	#auth
	#socket
	#isClosing = false

	constructor(options, report) {
		this.#options = options
		this.#report = report
		this.#auth = makeCredentials((collection, state) => {
			const hash = Buffer.from(state.hash).toString('hex')
			report({ event: 'synced', collection, version: state.version, hash })
		})
		WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(options['root-key'], 'hex')
	}

	/** Connects; after pairing the server asks for a second connection, which is made here as well. */
	open() {
		this.#socket = makeWASocket({
			auth: this.#auth,
			waWebSocketUrl: `ws://${this.#options.endpoint}/ws/chat`,
			appStateMacVerification: { patch: true, snapshot: true },
			logger: makeLogger(detail => this.#report({ event: 'error', detail }))
		})
		const events = this.#socket.ev
		events.on('creds.update', update => Object.assign(this.#auth.creds, update))
		events.on('connection.update', update => this.#onConnection(update))
		events.on('chats.update', chats => this.#onChats(chats))
		events.on('call', calls => this.#onCalls(calls))
	}

	/** Archives a chat, or brings it back. */
	async archive(jid, archived) {
		const lastMessageTimestamp = Math.floor(Date.now() / 1000)
		await this.#socket.chatModify({ archive: archived, lastMessages: { lastMessageTimestamp } }, jid)
	}

	/** Refuses a call, and waits for the server to acknowledge it. */
	async reject(id, from) {
		await this.#socket.rejectCall(id, from)
	}

	/** Reads a collection from its beginning, whatever is known of it. */
	async fetch(collection) {
		await this.#auth.keys.set({ [VERSIONS]: { [collection]: null } })
		await this.#socket.resyncAppState([collection], false)
	}

	close() {
		this.#isClosing = true
		this.#socket?.end(undefined)
	}

	#onConnection({ connection, lastDisconnect, qr }) {
		if (qr) {
			this.#scan(qr).catch(error => this.#report({ event: 'error', detail: error.message }))
		}
		if (connection === 'open') {
			this.#report({ event: 'open', jid: this.#auth.creds.me.id })
		}
		if (connection !== 'close' || this.#isClosing) return
		const reason = lastDisconnect?.error?.output?.statusCode
		if (reason === DisconnectReason.restartRequired) {
			this.open()
		} else {
			this.#report({ event: 'error', detail: `the connection was closed with ${reason}` })
		}
	}

	#onChats(chats) {
		for (const { id, archived } of chats) {
			if (typeof archived === 'boolean') this.#report({ event: 'archive', jid: id, archived })
		}
	}

	#onCalls(calls) {
		for (const { id, from, status, isVideo: video } of calls) {
			this.#report({ event: 'call', id, from, status, video })
		}
	}

	async #scan(qr) {
		const url = `${this.#options.control}/v1/accounts/${this.#options.account}/scan?wait=10s`
		const headers = { 'Content-Type': 'application/json' }
		const signal = AbortSignal.timeout(20_000)
		const answer = await fetch(url, { method: 'POST', headers, signal, body: JSON.stringify({ qr }) })
		if (!answer.ok) throw new Error(`the phone did not scan the QR: ${await answer.text()}`)
	}
}
