// SVG as text: elements with attributes, escaped, numbers with as many digits as a screen can show.

export type Attributes = Readonly<Record<string, string | number | undefined>>;

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
export const escape = (text: string): string => text.replaceAll(/[&<>"']/g, (sign) => ESCAPES[sign] as string);

const show = (value: string | number): string => (typeof value === 'number' ? String(Math.round(value * 100) / 100) : escape(value));

/** @param content already SVG */
export function element(name: string, attributes: Attributes, content: string | readonly string[] = ''): string {
  const inner = typeof content === 'string' ? content : content.join('\n');
  const words = Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [`${key}="${show(value)}"`]));
  const open = [name, ...words].join(' ');
  return inner === '' ? `<${open}/>` : `<${open}>${inner}</${name}>`;
}

/** @param words any text */
export const text = (x: number, y: number, words: string, attributes: Attributes = {}): string => element('text', { x, y, ...attributes }, escape(words));

export const line = (x1: number, y1: number, x2: number, y2: number, attributes: Attributes = {}): string => element('line', { x1, y1, x2, y2, ...attributes });

/** Nothing of a negative size. */
export const rect = (x: number, y: number, width: number, height: number, attributes: Attributes = {}): string => element('rect', { x, y, width: Math.max(0, width), height: Math.max(0, height), ...attributes });

/** With a background of its own, so that it can be read on any page. @param title for who can't see it */
export function document(width: number, height: number, title: string, content: readonly string[]): string {
  return `${element('svg', {
    'xmlns': 'http://www.w3.org/2000/svg', width, height, 'viewBox': `0 0 ${width} ${height}`, 'role': 'img', 'font-family': "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif",
  }, [`<title>${escape(title)}</title>`, rect(0, 0, width, height, { fill: '#ffffff' }), ...content])}\n`;
}
