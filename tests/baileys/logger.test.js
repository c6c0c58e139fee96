import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'

import { chatModificationToAppPatch, decodePatches, encodeSyncdPatch, newLTHashState } from 'baileys'

import { makeLogger } from './logger.js'

const keyId = randomBytes(6).toString('base64')
const key = { keyData: randomBytes(32) }
const getKey = async id => (id === keyId ? key : null)

/** Returns what the judge complains about when Baileys reads an archive that `spoil` has changed. */
async function complaintsAbout(spoil) {
	const range = { lastMessageTimestamp: 1_700_000_000 }
	const wanted = chatModificationToAppPatch({ archive: true, lastMessages: range }, '15550000001@s.whatsapp.net')
	const { patch } = await encodeSyncdPatch(wanted, keyId, newLTHashState(), getKey)
	patch.version = { version: 1 }
	spoil(patch)
	const complaints = []
	const logger = makeLogger(text => complaints.push(text))
	await decodePatches('regular_low', [patch], newLTHashState(), getKey, {}, undefined, logger, true)
	return complaints
}

test('a patch that verifies causes no complaint', async () => {
	assert.deepEqual(await complaintsAbout(() => {}), [])
})

for (const [name, spoil] of Object.entries({
	'patch MAC': patch => patch.patchMac[0]++,
	'snapshot MAC': patch => patch.snapshotMac[0]++,
	'value MAC': patch => patch.mutations[0].record.value.blob[70]++,
	'index MAC': patch => patch.mutations[0].record.index.blob[0]++,
	version: patch => (patch.version.version = 2)
})) {
	test(`a changed ${name} causes a complaint`, async () => {
		assert.notDeepEqual(await complaintsAbout(spoil), [])
	})
}
