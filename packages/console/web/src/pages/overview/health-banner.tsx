import type { Health, Overview } from '../../../../src/api-types.ts';
import { StateBadge } from '../../components/badge.tsx';
import { counted } from '../../format/numbers.ts';
import { Link } from '../../routing/location.tsx';

export interface HealthBannerProps {
  readonly health: Health;
  readonly deadLetters: Overview['deadLetters'] | undefined;
}

/** Whether all is well, and if not, why. Dead letters stop nobody, so that they are no matter of health; but they want somebody. */
export function HealthBanner({ health, deadLetters }: HealthBannerProps) {
  const { keys = 0 } = deadLetters ?? {};
  return (
    <section class={`health health-${health.status}`} aria-label="Health">
      <StateBadge state={health.status} />
      {health.reasons.length === 0 ? (
        <p>
          {keys === 0 ? (
            'Nothing wants attention.'
          ) : (
            <>
              Nothing wants attention but <Link to="/dead-letters">{counted(keys, 'dead letter key')}</Link>.
            </>
          )}
        </p>
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
