// How single words and collections of a rule file are written in YAML.

import { type CollectionTag, Scalar, type ScalarTag, type Tags, type YAMLMap, type YAMLSeq } from 'yaml';

type Stringify = NonNullable<ScalarTag['stringify']>;

/** The library's tags, with another hand. */
export function writtenTags(tags: Tags): Tags {
  return tags.map((tag) => {
    if (typeof tag !== 'object') return tag;
    switch (tag.tag) {
      case 'tag:yaml.org,2002:str':
        return { ...(tag as ScalarTag), stringify: writeText((tag as ScalarTag).stringify ?? asWritten) };
      case 'tag:yaml.org,2002:map':
        return { ...(tag as CollectionTag), stringify: writeMap } as unknown as CollectionTag;
      case 'tag:yaml.org,2002:seq':
        return { ...(tag as CollectionTag), stringify: writeList } as unknown as CollectionTag;
      default:
        return { ...(tag as ScalarTag), stringify: asWritten };
    }
  });
}

/** `0x1f`, `1.50` and `~` stay what they are. */
const asWritten: Stringify = (item) => item.source ?? String(item.value);

/** `{ a: b }`, but `[a, b]`. */
const writeMap = (node: YAMLMap, ctx: Context, ...rest: Rest): string =>
  node.toString({ ...ctx, flowCollectionPadding: ' ' }, ...rest);
const writeList = (node: YAMLSeq, ctx: Context, ...rest: Rest): string =>
  node.toString({ ...ctx, flowCollectionPadding: '' }, ...rest);

type Context = Parameters<Stringify>[1];
type Rest = [onComment?: () => void, onChompKeep?: () => void];

const writeText =
  (otherwise: Stringify): Stringify =>
  (item, ctx, ...rest) => {
    const isQuoted = item.type === Scalar.QUOTE_DOUBLE || item.type === Scalar.QUOTE_SINGLE;
    if (isQuoted) return quoted(String(item.value));
    return blockAsWritten(item, ctx.indent) ?? otherwise(item, ctx, ...rest);
  };

/** In double quotes, or in single ones where that saves backslashes. What is in quotes stays in quotes. */
export function quoted(text: string): string {
  const isPrintable = !/[^\P{C}]/u.test(text) && text.isWellFormed();
  if (isPrintable && !/["\\]/.test(text)) return `"${text}"`;
  return isPrintable && !text.includes("'") ? `'${text}'` : JSON.stringify(text);
}

/** The lines of a text block are its author's; only their indentation is ours. undefined: not so easily done. */
function blockAsWritten(item: Scalar, indent: string): string | undefined {
  if (item.type !== Scalar.BLOCK_FOLDED && item.type !== Scalar.BLOCK_LITERAL) return undefined;
  const token = item.srcToken;
  if (token?.type !== 'block-scalar' || item.comment) return undefined;
  const header = token.props.flatMap((prop) => (prop.type === 'block-scalar-header' ? [prop.source] : []))[0];
  if (header === undefined || !/^[|>]-?$/.test(header) || indent === '') return undefined;
  const lines = token.source.replace(/\s+$/, '').replaceAll('\r', '').split('\n');
  const [first = ''] = lines;
  const depth = first.length - first.trimStart().length;
  const isEven = lines.every((line) => line.trim() === '' || line.length - line.trimStart().length >= depth);
  if (!isEven || first.trim() === '') return undefined;
  return [header, ...lines.map((line) => (line.trim() === '' ? '' : indent + line.slice(depth)))].join('\n');
}
