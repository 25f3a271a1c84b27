import { appendManyRules } from './append-many-rules.ts';
import { appendRules } from './append-rules.ts';
import { toCases, type ContractCase, type StorageFactory } from './contract-case.ts';
import { keyRules } from './key-rules.ts';
import { operationRules } from './operation-rules.ts';
import { payloadRules } from './payload-rules.ts';
import { readLogRules } from './read-log-rules.ts';
import { readStreamRules } from './read-stream-rules.ts';
import { repeatRules } from './repeat-rules.ts';
import { shapeRules } from './shape-rules.ts';
import { snapshotRules } from './snapshot-rules.ts';
import { streamRules } from './stream-rules.ts';
import { subscribeRules } from './subscribe-rules.ts';
import { uniqueRules } from './unique-rules.ts';

/**
 * Everything a storage must do, as cases for any test runner. `createStorage` gives a new, empty storage each time; a
 * case closes it at its end.
 *
 * @example
 * for (const { name, run } of storageContract(() => new MyStorage())) test(name, run);
 */
export function storageContract(createStorage: StorageFactory): readonly ContractCase[] {
  return [
    ...toCases('append', appendRules, createStorage),
    ...toCases('appendMany', appendManyRules, createStorage),
    ...toCases('repeated append', repeatRules, createStorage),
    ...toCases('payloads', payloadRules, createStorage),
    ...toCases('readStream', readStreamRules, createStorage),
    ...toCases('readAll', readLogRules, createStorage),
    ...toCases('streams', streamRules, createStorage),
    ...toCases('subscribe', subscribeRules, createStorage),
    ...toCases('keys', keyRules, createStorage),
    ...toCases('unique sets', uniqueRules, createStorage),
    ...toCases('snapshots', snapshotRules, createStorage),
    ...toCases('shapes', shapeRules, createStorage),
    ...toCases('operations', operationRules, createStorage),
  ];
}
