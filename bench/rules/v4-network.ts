// IPv4 networks as two numbers: what a rival tests addresses with. The mix has no others.

export interface V4Network {
  readonly network: number;
  readonly mask: number;
}

export function v4Network(text: string): V4Network {
  const [address = '', length = '32'] = text.split('/');
  const mask = length === '0' ? 0 : (-1 << (32 - Number(length))) | 0;
  return { network: (v4Number(address) ?? 0) & mask, mask };
}

/** undefined: not four numbers with dots between them. */
export function v4Number(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  let number = 0;
  let part = -1;
  let parts = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? 46 : text.charCodeAt(i);
    if (code === 46) {
      if (part < 0 || part > 255) return undefined;
      number = (number << 8) | part;
      part = -1;
      parts++;
    } else if (code >= 48 && code <= 57) {
      part = (part < 0 ? 0 : part * 10) + code - 48;
    } else {
      return undefined;
    }
  }
  return parts === 4 ? number : undefined;
}

export function isInV4Network(address: string, { network, mask }: V4Network): boolean {
  const number = v4Number(address);
  return number !== undefined && (number & mask) === network;
}
