import { initAuthCreds, proto } from 'baileys'

export const VERSIONS = 'app-state-sync-version'
const APP_STATE_KEYS = 'app-state-sync-key'

/**
 * Makes a device's credentials and key store, in memory. `onState(collection, state)` is told of each
 * collection's state as it is stored: version, LTHash, value MACs.
 */
export function makeCredentials(onState) {
	const shelves = new Map()
	const shelf = type => {
		if (!shelves.has(type)) shelves.set(type, new Map())
		return shelves.get(type)
	}
	const read = (type, id) => {
		const value = shelf(type).get(id)
		return value && type === APP_STATE_KEYS ? proto.Message.AppStateSyncKeyData.fromObject(value) : value
	}
	const write = (type, id, value) => {
		if (!value) {
			shelf(type).delete(id)
			return
		}
		shelf(type).set(id, value)
		if (type === VERSIONS) onState(id, value)
	}
	return {
		creds: initAuthCreds(),
		keys: {
			get: async (type, ids) => Object.fromEntries(ids.map(id => [id, read(type, id)])),
			set: async data => {
				for (const [type, values] of Object.entries(data)) {
					for (const [id, value] of Object.entries(values)) write(type, id, value)
				}
			}
		}
	}
}
