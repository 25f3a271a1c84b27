/** Whether a version is a shadow: filled for a while, never live, and nobody's business. */
export function isShadow(version: number): boolean {
  return version < 0;
}
