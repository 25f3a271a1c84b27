import type { Doctor, Finding as Found } from 'mink';
import type { DoctorReport, Finding, PayloadAccess } from '../api-types.ts';
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

  /** As somebody may see it. */
  async report(access: PayloadAccess): Promise<DoctorReport> {
    if (this.#last === undefined || this.#now() - this.#last.at >= KEPT_FOR) {
      const findings = this.#doctor.examine({ signal: this.#closing }).then((examination) => examination.findings);
      const last = { at: this.#now(), findings };
      this.#last = last;
      // One that has failed is not given again.
      findings.catch(() => {
        if (this.#last === last) this.#last = undefined;
      });
    }
    const { at, findings } = this.#last;
    return { at, findings: (await findings).map((finding) => toFinding(finding, access)) };
  }
}

function toFinding({ id, title, status, seen, mend, runbook }: Found, access: PayloadAccess): Finding {
  return {
    id,
    title,
    status,
    seen: status === 'ok' ? seen : showSeen(id, { status, seen }, access),
    ...(mend === undefined ? {} : { mend }),
    ...(runbook === undefined ? {} : { runbook }),
  };
}

/** Errors are in it as a whole where something could not be examined, and in brackets behind projections that are faulted. */
function showSeen(id: string, { status, seen }: Pick<Found, 'status' | 'seen'>, access: PayloadAccess): string {
  if (status === 'unknown' || id === 'connection') return showText(seen, access);
  if (id !== 'projections') return seen;
  return seen.replace(/\((?<errors>.*)\)/su, (_all, errors: string) => `(${showText(errors, access)})`);
}
