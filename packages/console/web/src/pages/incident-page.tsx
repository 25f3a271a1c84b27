import { useState } from 'preact/hooks';
import { Button } from '../components/button.tsx';
import { EmptyNotice, ErrorNotice } from '../components/notices.tsx';
import { PageHeader } from '../components/page-header.tsx';
import { INCIDENT_FORMAT, isIncident, type Incident } from './incident/incident-file.ts';
import { IncidentView } from './incident/incident-view.tsx';

interface Opened {
  readonly name: string;
  readonly incident: Incident;
}

/** A bundle that `mink incident` has written, opened in the browser: it is sent nowhere. */
export function IncidentPage() {
  const [opened, setOpened] = useState<Opened>();
  const [error, setError] = useState<string>();
  const open = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return;
    const incident = parsed(await file.text());
    setOpened(incident === undefined ? undefined : { name: file.name, incident });
    setError(incident === undefined ? `${file.name} is no bundle of mink incident (${INCIDENT_FORMAT}).` : undefined);
  };
  return (
    <>
      <PageHeader title="Incident" badges={opened !== undefined && <span class="tag">{opened.name}</span>}>
        <label class="button button-primary file-button">
          Open a bundle
          <input
            class="visually-hidden"
            type="file"
            accept=".json,application/json"
            onChange={({ currentTarget }) => void open(currentTarget.files?.[0])}
          />
        </label>
        {opened !== undefined && <Button onClick={() => setOpened(undefined)}>Close</Button>}
      </PageHeader>
      {error !== undefined && <ErrorNotice problem={{ code: 'NO_BUNDLE', message: error }} />}
      {opened === undefined ? (
        <EmptyNotice title="No bundle is open.">
          <code>mink incident STREAM</code> writes one: events, causes, states, errors and configuration, redacted. It
          is read in this browser only.
        </EmptyNotice>
      ) : (
        <IncidentView key={opened.name} incident={opened.incident} />
      )}
    </>
  );
}

function parsed(text: string): Incident | undefined {
  try {
    const content: unknown = JSON.parse(text);
    return isIncident(content) ? content : undefined;
  } catch {
    return undefined;
  }
}
