// An annotation of GitHub Actions: a line on stdout that it shows at a file's place.

export interface Annotation {
  readonly level: 'error' | 'warning' | 'notice';
  /** undefined or empty: of no file. */
  readonly file?: string | undefined;
  /** 0 or undefined: the file as a whole. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly title: string;
  readonly message: string;
}

export function formatAnnotation({ level, file, line, column, title, message }: Annotation): string {
  const properties = [
    ...(file ? [`file=${escapeProperty(file)}`] : []),
    ...(line ? [`line=${line}`] : []),
    ...(line && column ? [`col=${column}`] : []),
    `title=${escapeProperty(title)}`,
  ];
  return `::${level} ${properties.join(',')}::${escapeData(message)}`;
}

/** A line end would end the command, and a percent sign begins an escape. */
function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
