import type { JsonValue } from '../json.ts';
import { rolesOf } from '../observe/observer-roles.ts';
import type { AppendContext } from '../store/append.ts';
import type { LoadContext } from '../store/load.ts';
import { settingsOf, type Setting } from './setting.ts';

/** What is in effect in a store, beside its storage, and in that of its read models, where these have their own; `given` are the options that it was made with. */
export function storeSettings(context: AppendContext & LoadContext, given: object): readonly Setting[] {
  const { cache, observer, tracer, inline, snapshotOwners } = context;
  const inEffect: Record<string, JsonValue> = {
    maxPayloadBytes: context.maxPayloadBytes,
    pageSize: context.pageSize,
    recordShapes: context.shapes !== undefined,
    cache: cache !== undefined,
    observer: observer === undefined ? [] : [...rolesOf(observer)],
    tracer: tracer !== undefined,
    inline: inline.projections.map(({ name, version }) => `${name} version ${version}`),
    inlineTimeout: inline.timeout,
    whenInlineInactive: inline.whenInactive,
  };
  const snapshots = Array.from(snapshotOwners, ([category, fold]): Setting => {
    const { schemaVersion, keep = 2 } = fold.snapshots ?? { schemaVersion: 0 };
    return { name: `snapshots.${category}`, value: { schemaVersion, keep }, source: 'option' };
  });
  const elsewhere = (context.readModelStorage?.operations?.settings() ?? []).map((setting): Setting => ({
    ...setting,
    name: `readModels.${setting.name}`,
  }));
  return [...settingsOf('store', inEffect, given), ...snapshots, ...elsewhere];
}
