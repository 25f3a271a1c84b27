import { createPostgresStore } from 'mink/postgres';
import { LibraryWriter } from '../actors/library-writer.ts';
import { Streams } from '../actors/streams.ts';
import { Random } from '../random.ts';
import { JournalWriter } from './journal.ts';
import { numberIn, parseRecord, textIn } from './json.ts';
import { lifeOfParent } from './life.ts';

// A process with one store and several writers in it, as a service has them. It writes down what it does, is killed at any
// time, and otherwise ends when its parent says so.
const config = parseRecord(process.argv[2] ?? '') ?? {};
const name = textIn(config, 'name');
const random = new Random(textIn(config, 'seed'));
const signal = lifeOfParent();
// Short ones: a frozen process is to wake up with all of them over.
const store = createPostgresStore({
  url: textIn(config, 'url'),
  migrate: 'never',
  connectTimeout: numberIn(config, 'timeout'),
  lockTimeout: numberIn(config, 'timeout'),
});
const recorder = new JournalWriter(textIn(config, 'journal'));
const streams = new Streams();
const writers = Array.from({ length: numberIn(config, 'writers') }, (_, index) => {
  const writer = `${name}.${index + 1}`;
  const maxPause = numberIn(config, 'maxPause');
  return new LibraryWriter({
    name: writer,
    stores: [store],
    random: random.derive(writer),
    recorder,
    streams,
    maxPause,
  });
});

await Promise.all(writers.map((writer) => writer.run(signal)));
await store.close();
process.exit(0);
