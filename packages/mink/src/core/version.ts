/** The version of this package. */
export const MINK_VERSION = '0.1.0';
