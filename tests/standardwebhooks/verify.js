import { readFileSync } from 'node:fs'

import { Webhook } from 'standardwebhooks'

const { secret, requests } = JSON.parse(readFileSync(0, 'utf8'))
const webhook = new Webhook(secret, { format: 'raw' })

/** Returns the event of a request; null when the library refuses it. */
function verify({ body, headers }) {
	try {
		return webhook.verify(body, headers)
	} catch {
		return null
	}
}

process.stdout.write(JSON.stringify(requests.map(verify)))
