// One round of one work, in a process of its own: `node --expose-gc round.js WORK DIST` prints the number.
import { pathToFileURL } from 'node:url';
import { works } from './works.js';

const [, , name, dist] = process.argv;
const load = (path) => import(pathToFileURL(`${dist}/${path}`).href);
const mink = { ...(await load('index.js')), ...(await load('memory/index.js')), load };
const work = works.find((work) => work.name === name);
const run = await work.prepare(mink);

// Twice to warm up: the second time with what the first has compiled.
await run(work.size / 4);
await run(work.size / 4);
globalThis.gc();
const before = performance.now();
const measured = await run(work.size);
const seconds = (performance.now() - before) / 1_000;
// A work that measures something else than speed returns it.
console.log(measured ?? work.size / seconds);
