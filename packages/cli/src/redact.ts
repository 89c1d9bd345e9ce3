/** Text in which the passwords of connection strings are replaced by `***`: all that the command line prints goes through it. */
export function redacted(text: string): string {
  return text
    .replaceAll(/(postgres(?:ql)?:\/\/[^\s/:@"'`]*):[^\s"'`]*@/gi, '$1:***@')
    .replaceAll(/([?&]password=)[^\s&#"'`]*/gi, '$1***');
}
