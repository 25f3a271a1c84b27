/**
 * The same on every machine: messages in English, UTC as the default time zone, and none of the PG*
 * variables that would redirect initdb or the server.
 */
export function postgresEnvironment(): Record<string, string | undefined> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG|TZ)/.test(name));
  return { ...Object.fromEntries(inherited), LC_ALL: 'C', TZ: 'UTC' };
}
