// An annotation of GitHub Actions: a line on stdout that it shows at a file's place.

export interface Annotation {
  readonly level: 'error' | 'warning' | 'notice';
  readonly file: string;
  /** 0: the file as a whole. */
  readonly line: number;
  readonly column: number;
  readonly title: string;
  readonly message: string;
}

export function formatAnnotation({ level, file, line, column, title, message }: Annotation): string {
  const place = line === 0 ? '' : `,line=${line},col=${column}`;
  return `::${level} file=${property(file)}${place},title=${property(title)}::${data(message)}`;
}

/** As GitHub's own toolkit escapes. */
function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
