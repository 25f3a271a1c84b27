import type { DoctorReport, Finding } from '../../../src/api-types.ts';
import { useResource } from '../api/use-resource.ts';
import { StateBadge } from '../components/badge.tsx';
import { Button } from '../components/button.tsx';
import { CopyButton } from '../components/copy-button.tsx';
import { EmptyNotice, ResourceView } from '../components/notices.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { TimeAgo } from '../components/time-ago.tsx';
import { counted } from '../format/numbers.ts';

const WORST_FIRST: readonly Finding['status'][] = ['failed', 'warning', 'unknown', 'ok'];

/** The checklist of those who run it, as it is now; each finding with what mends it. */
export function DoctorPage() {
  const report = useResource<DoctorReport>('doctor');
  return (
    <>
      <PageHeader title="Doctor">
        <Button tone="primary" isBusy={report.isLoading} onClick={report.reload}>
          Examine again
        </Button>
      </PageHeader>
      <ResourceView resource={report} rows={14}>
        {({ at, findings }) => (
          <>
            <p class="muted">
              {summaryOf(findings)} Examined <TimeAgo at={at} />.
            </p>
            {findings.length === 0 ? (
              <EmptyNotice title="Nothing was examined." />
            ) : (
              <ul class="findings">
                {WORST_FIRST.flatMap((status) => findings.filter((finding) => finding.status === status)).map(
                  (finding) => (
                    <FindingLine key={finding.id} finding={finding} />
                  ),
                )}
              </ul>
            )}
          </>
        )}
      </ResourceView>
    </>
  );
}

function summaryOf(findings: readonly Finding[]): string {
  const wrong = findings.filter(({ status }) => status === 'failed' || status === 'warning').length;
  return wrong === 0
    ? `All is well in ${counted(findings.length, 'check')}.`
    : `${wrong} of ${counted(findings.length, 'check')} want attention.`;
}

function FindingLine({ finding }: { readonly finding: Finding }) {
  return (
    <li class={`finding finding-${finding.status} panel`} data-row tabIndex={-1}>
      <StateBadge state={finding.status} />
      <div class="finding-text">
        <h2>{finding.title}</h2>
        <p>{finding.seen}</p>
        {finding.mend !== undefined && finding.status !== 'ok' && (
          <p class="mend">
            <code>{finding.mend}</code>
            <CopyButton text={finding.mend} label="what mends it" />
          </p>
        )}
      </div>
      {finding.runbook !== undefined && (
        <span class="muted">
          see <code>{finding.runbook}</code>
        </span>
      )}
    </li>
  );
}
