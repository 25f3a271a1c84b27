// Where a process spends its CPU: records a profile of the window of a measurement, and sums it up by whose code it was.
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';

const SAMPLING_INTERVAL_US = 200;

const GROUPS = [
  ['mink core', /\/packages\/mink\/(dist|src)\/core\//],
  ['mink postgres', /\/packages\/mink\/(dist|src)\/postgres\//],
  ['schemas (zod)', /\/node_modules\/zod\//],
  ['pg driver', /\/node_modules\/pg(-[a-z-]+)?\//],
  ['benchmark', /\/bench\/(?!node_modules)/],
  ['other packages', /\/node_modules\//],
  ['Node', /^node:/],
];

/** Begins a profile; the function returned ends it and writes it to the file, for the browser's developer tools. */
export function recordProfile(file) {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: SAMPLING_INTERVAL_US });
  session.post('Profiler.start');
  return () => {
    // A session of this thread answers before `post` returns.
    session.post('Profiler.stop', (error, answer) => {
      if (error !== null) throw error;
      writeFileSync(file, JSON.stringify(answer.profile));
    });
    session.disconnect();
  };
}

/** Microseconds by group, the longest first. What is native (JSON, strings) belongs to whoever called it. */
export function summarizeProfile({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])));
  const groups = new Map();
  const groupOf = (id) => {
    const known = groups.get(id);
    if (known !== undefined) return known;
    const { functionName, url } = byId.get(id).callFrame;
    const parent = parents.get(id);
    let group = ownGroup(functionName, url);
    if (group === undefined) group = parent === undefined ? 'Node' : groupOf(parent);
    groups.set(id, group);
    return group;
  };
  const times = new Map();
  for (const [index, id] of samples.entries()) {
    const group = groupOf(id);
    times.set(group, (times.get(group) ?? 0) + (timeDeltas[index + 1] ?? 0));
  }
  return [...times].toSorted(([, left], [, right]) => right - left);
}

function ownGroup(functionName, url) {
  if (functionName === '(garbage collector)') return 'garbage collector';
  if (functionName === '(idle)') return 'waiting';
  if (functionName === '(program)' || functionName === '(root)') return 'Node';
  return GROUPS.find(([, pattern]) => pattern.test(url))?.[0];
}
