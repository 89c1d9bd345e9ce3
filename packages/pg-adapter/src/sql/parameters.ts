/** Parameters of one type, numbered as they come. */
export function parametersOf(type: string): {
  readonly values: string[];
  readonly place: (text: string) => string;
} {
  const values: string[] = [];
  return { values, place: (text) => `$${values.push(text)}::${type}` };
}
