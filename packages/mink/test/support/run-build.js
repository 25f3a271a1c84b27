// A process that builds the new version, slowly.
import { createProjectionVersions } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { cartEvents, countV1, countV2 } from './versions.js';

const [url, leaseDuration, rate] = process.argv.slice(2);
const store = createPostgresStore({ url, categories: { Cart: cartEvents } });
const versions = createProjectionVersions(store, [countV1, countV2], { leaseDuration: Number(leaseDuration) });
const onProgress = ({ events }) => process.stdout.write(`${events}\n`);
await versions.build(countV2, { rate: Number(rate), batchSize: 10, onProgress });
await store.close();
