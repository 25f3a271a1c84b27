import type { Doctor, Finding as Found } from 'mink';
import type { DoctorReport, Finding, User } from '../api-types.ts';
import { showText } from '../http/problem.ts';

/** Milliseconds for which a report is given again: an examination reads events of every shape, and the table of streams. */
const KEPT_FOR = 30_000;

/** What a doctor has found, examined once for all who ask. */
export class Examinations {
  readonly #doctor: Pick<Doctor, 'examine'>;
  readonly #closing: AbortSignal;
  readonly #now: () => number;
  #last: { readonly at: number; readonly findings: Promise<readonly Found[]> } | undefined;

  constructor(
    doctor: Pick<Doctor, 'examine'>,
    { closing, now }: { readonly closing: AbortSignal; readonly now: () => number },
  ) {
    this.#doctor = doctor;
    this.#closing = closing;
    this.#now = now;
  }

  /** As a user may see it; `errors` are texts that may hold values, wherever they come. */
  async report(user: User, errors: readonly string[]): Promise<DoctorReport> {
    if (this.#last === undefined || this.#now() - this.#last.at >= KEPT_FOR) {
      const findings = this.#doctor.examine({ signal: this.#closing }).then((examination) => examination.findings);
      this.#last = { at: this.#now(), findings };
    }
    const { at, findings } = this.#last;
    return { at, findings: (await findings).map((finding) => toFinding(finding, user, errors)) };
  }
}

function toFinding(
  { id, title, status, seen, mend, runbook }: Found,
  { payloads }: User,
  errors: readonly string[],
): Finding {
  const shown = errors.reduce((text, error) => text.replaceAll(error, showText(error, payloads)), seen);
  // These say what the database has said.
  const isError = status === 'unknown' || id === 'connection';
  return {
    id,
    title,
    status,
    seen: isError && status !== 'ok' ? showText(shown, payloads) : shown,
    ...(mend === undefined ? {} : { mend }),
    ...(runbook === undefined ? {} : { runbook }),
  };
}
