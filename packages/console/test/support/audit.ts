import type { AuditEntry, AuditLog } from 'mink';

/** An audit log in memory, which can fail. */
export function memoryAudit() {
  const entries: AuditEntry[] = [];
  const state = { isFailing: false };
  const log: Pick<AuditLog, 'write' | 'list'> = {
    async write(entry) {
      if (state.isFailing) throw new Error('the audit log is full');
      entries.push(entry);
    },
    async list({ kinds, type, userId, status, before = Infinity, limit = 50 } = {}) {
      return entries
        .map(({ id: messageId, ...entry }, index) => ({ ...entry, messageId, id: index + 1 }))
        .filter((entry) => kinds?.includes(entry.kind) ?? true)
        .filter((entry) => (type ?? entry.type) === entry.type && (userId ?? entry.userId) === entry.userId)
        .filter((entry) => (status ?? entry.status) === entry.status && entry.id < before)
        .toReversed()
        .slice(0, limit);
    },
  };
  return { log, entries, state };
}
