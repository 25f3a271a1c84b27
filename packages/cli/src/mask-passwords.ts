const USER_INFO = /(:\/\/[^\s"/@:]*:)[^\s"]*@/gu;
const PARAMETER = /([?&](?:ssl)?password=)[^\s"&]*/giu;

/** Replaces the passwords in every URL of a text. A URL that is not well-formed loses too much rather than too little. */
export function maskPasswords(text: string): string {
  return text.replaceAll(USER_INFO, '$1***@').replaceAll(PARAMETER, '$1***');
}
