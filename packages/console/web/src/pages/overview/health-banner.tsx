import type { Health } from '../../../../src/api-types.ts';
import { StateBadge } from '../../components/badge.tsx';
import { Link } from '../../routing/location.tsx';

/** Whether all is well, and if not, why. */
export function HealthBanner({ health }: { readonly health: Health }) {
  return (
    <section class={`health health-${health.status}`} aria-label="Health">
      <StateBadge state={health.status} />
      {health.reasons.length === 0 ? (
        <p>Nothing wants attention.</p>
      ) : (
        <ul>
          {health.reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      <Link to="/doctor">Ask the doctor</Link>
    </section>
  );
}
