import type { ProjectionAction, ProjectionDetail } from '../../../../src/api-types.ts';

/** How an action is asked for. */
export interface ActionText {
  readonly label: string;
  /** What will happen, exactly. */
  readonly what: (detail: ProjectionDetail) => string;
  /** It cannot be taken back, or is seen by readers: the name is to be typed. */
  readonly isTyped: boolean;
  readonly tone: 'primary' | 'danger';
}

const plain = (label: string, what: ActionText['what']): ActionText => ({
  label,
  what,
  isTyped: false,
  tone: 'primary',
});
const typed = (label: string, what: ActionText['what'], tone: ActionText['tone'] = 'danger'): ActionText => ({
  label,
  what,
  isTyped: true,
  tone,
});

const nameOf = ({ name, version }: ProjectionDetail): string => `${name}, version ${version},`;

/** In the order in which they are shown: what is done every day first, then the life of a version. */
export const ACTIONS: Readonly<Record<ProjectionAction, ActionText>> = {
  pause: plain(
    'Pause',
    (detail) =>
      `${nameOf(detail)} stops in every process, and stays so through restarts until it is resumed. Readers see what it has applied so far, and it falls behind.`,
  ),
  resume: plain(
    'Resume',
    (detail) => `${nameOf(detail)} goes on from its checkpoint, in whatever process takes it first.`,
  ),
  partition: plain(
    'Partition',
    (detail) =>
      `Changes in how many partitions ${nameOf(detail)} is worked on, while it runs. Nothing is lost, and nothing is applied twice.`,
  ),
  verify: plain(
    'Verify',
    (detail) => `Reads all events of ${nameOf(detail)} and proves that each was applied exactly once. Changes nothing.`,
  ),
  reset: typed('Reset', (detail) =>
    detail.kind === 'subscription'
      ? `${nameOf(detail)} begins again at the first event: whatever it does outside is done again for all of them. Its dead letters are forgotten.`
      : `The rows of ${nameOf(detail)} are emptied at once, and all events are applied again, those that were discarded included. Its dead letters are forgotten. Until it has caught up, readers see less than there is.`,
  ),
  rebuild: typed(
    'Rebuild',
    (detail) =>
      `Applies the whole log to other rows, beside those of ${nameOf(detail)} and swaps them when they are as far. Readers notice nothing. The rows of now are gone then.`,
    'primary',
  ),
  plan: plain(
    'Plan',
    (detail) =>
      `Counts the events that a build of ${nameOf(detail)} would apply, and tries the first of them aside. Changes nothing.`,
  ),
  build: plain(
    'Build',
    (detail) =>
      `Applies the log to the rows of ${nameOf(detail)} in this process until it has caught up. The live version goes on; no reader sees it yet.`,
  ),
  compare: plain(
    'Compare',
    (detail) =>
      `Compares the rows of ${nameOf(detail)} with those of the live version, at the same events. Changes nothing.`,
  ),
  'what-if': plain(
    'What if',
    (detail) =>
      `Applies the whole log to rows aside with the code of ${nameOf(detail)} and compares them with the live ones. Changes nothing.`,
  ),
  switch: typed(
    'Switch to it',
    (detail) =>
      `From then on the name ${detail.name} stands for version ${detail.version}, in one transaction: every reader sees its rows.`,
    'primary',
  ),
  rollback: typed(
    'Roll back',
    (detail) =>
      `The name ${detail.name} stands again for the version that was live before the last switch, once that has caught up. Every reader sees its rows.`,
  ),
  retire: typed(
    'Retire',
    (detail) =>
      `The rows and the checkpoint of ${nameOf(detail)} are dropped for good, and its number is never used again.`,
  ),
};
