// Sends each of the six calls with @segment/analytics-node and waits for them:
// node node_client.mjs ADDRESS WRITE_KEY
import { Analytics } from '@segment/analytics-node'

const [host, writeKey] = process.argv.slice(2)
const analytics = new Analytics({ host, writeKey, flushAt: 4, maxRetries: 0 })
analytics.on('error', (err) => {
  console.error(err)
  process.exitCode = 1
})

const userId = 'node-user'
analytics.identify({ userId, traits: { email: 'ada@example.com', plan: 'free' } })
analytics.track({ userId, event: 'Order Completed', properties: { revenue: 39.95, products: [{ sku: 'a-1' }] } })
analytics.page({ userId, category: 'Docs', name: 'Quickstart', properties: { url: 'https://example.com/docs' } })
analytics.screen({ userId, name: 'Checkout', properties: { step: 2 } })
analytics.group({ userId, groupId: 'acme', traits: { seats: 7 } })
analytics.alias({ userId, previousId: 'node-visitor' })

await analytics.closeAndFlush({ timeout: 10_000 })
