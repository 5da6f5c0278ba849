// A report as one page of HTML, for people who were not there: what was measured and where, ratios beside their aims, the
// percentile curves, and the whole table. Nothing of it is fetched from anywhere.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cell, meets, type Report, type Row } from './report.ts';

const COLOURS = ['#4269d0', '#efb118', '#ff725c', '#6cc5b0', '#3ca951', '#ff8ab7', '#a463f2', '#97bbf5'];
/** More curves than colours: the rest is dashed. */
const DASHES = [[], [6, 4]];

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1e23; max-width: 1180px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { padding: 3px 9px; border-bottom: 1px solid #d9dce1; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.scroll { overflow-x: auto; } .met { color: #1d7a34; } .missed { color: #b3261e; font-weight: 600; }
.u-legend { font-size: 12px; } .u-legend .u-series { display: block; text-align: left; }
`;

/** Drawn by uPlot: x is 1 in how many calls takes longer, so that each nine has the same room. */
const DRAW = `
const nines = (value) => value <= 1 ? '0 %' : String(+(100 - 100 / value).toFixed(4)) + ' %';
const chart = document.getElementById('chart');
new uPlot({
  width: chart.clientWidth,
  height: 460,
  scales: { x: { time: false, distr: 3 }, y: { distr: 3 } },
  axes: [
    { values: (_, marks) => marks.map((mark) => Math.log10(mark) % 1 === 0 ? nines(mark) : null), label: 'percentile of calls' },
    { values: (_, marks) => marks.map((mark) => Math.log10(mark) % 1 === 0 ? mark : null), label: 'an open() took at most, in µs', size: 70 },
  ],
  series: [
    { label: 'percentile', value: (_, value) => value === null ? '' : nines(value) },
    ...curves.series.map(({ label, stroke, dash }) => ({
      label, stroke, dash, width: 2, points: { show: false },
      value: (_, value) => value === null ? '' : value.toFixed(value < 100 ? 1 : 0) + ' µs',
    })),
  ],
}, curves.data, chart);
`;

/** Writes pages; made before anything is measured, for what a page needs may be missing. */
export function pageWriter(file: string): (report: Report) => void {
  const script = assetOf('uPlot.iife.min.js');
  const style = assetOf('uPlot.min.css');
  writeFileSync(file, '');
  return (report) => writeFileSync(file, pageOf(report, { script, style }));
}

function assetOf(name: string): string {
  try {
    return readFileSync(createRequire(import.meta.url).resolve(`uplot/dist/${name}`), 'utf8');
  } catch (cause) {
    throw new Error('a page needs uPlot, which is not here: npm install --no-save uplot@1.6.32', { cause });
  }
}

export function pageOf(report: Report, chart: { readonly script: string; readonly style: string }): string {
  const { name, machine, commit, notes } = report;
  const curves = JSON.stringify(curvesOf(report)).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Picket: benchmark ${escaped(name)}</title>
<style>${chart.style}${STYLE}</style>
</head>
<body>
<h1>What a system call waits while Picket guards</h1>
<p>Each file that a guarded program opens or runs is first judged: by the kernel's cache, by Picket's bridge, or by rules in
its agent. Here a client measures by its own clock what that costs, beside nobody who judges, the least program that could (C,
allows at once), and fapolicyd. All ran side by side on one machine, in rounds that alternate between them; arrival times were
fixed in advance, and who had to wait for a call before counts from the time that was meant.</p>
<p>${escaped(
    Object.entries(machine)
      .map(([key, value]) => `${key} ${value}`)
      .join(' · '),
  )} · commit ${escaped(commit)}</p>
<h2>Against the aims</h2>
${ratiosTable(report)}
<h2>How long an open() takes</h2>
<div id="chart"></div>
<h2>All figures</h2>
${tablesOf(report.rows)}
<h2>To judge them by</h2>
<ul>${notes.map((note) => `<li>${escaped(note)}</li>`).join('\n')}</ul>
<script>${chart.script}</script>
<script>const curves = ${curves};${DRAW}</script>
</body>
</html>
`;
}

function curvesOf({ curves = [] }: Report): object {
  const percentiles = curves[0]?.points.map(([percentile]) => percentile) ?? [];
  return {
    series: curves.map(({ subject }, index) => ({
      label: subject,
      stroke: COLOURS[index % COLOURS.length],
      dash: DASHES[Math.floor(index / COLOURS.length) % DASHES.length],
    })),
    data: [
      percentiles.map((percentile) => 100 / (100 - percentile)),
      ...curves.map(({ points }) => points.map(([, us]) => us)),
    ],
  };
}

function ratiosTable({ ratios, aims = {} }: Report): string {
  const lines = Object.entries(ratios).map(([name, value]) => {
    const aim = aims[name];
    if (aim === undefined) return [name, cell(value), '', ''];
    const wanted = aim.atMost === undefined ? `≥ ${aim.atLeast}` : `≤ ${aim.atMost}`;
    return [name, cell(value), wanted, meets(aim, value) ? 'met' : 'missed'];
  });
  for (const name of Object.keys(aims))
    if (ratios[name] === undefined) lines.push([name, '', '', 'not measured']);
  return table(['ratio', 'measured', 'aim', ''], lines);
}

function tablesOf(rows: readonly Row[]): string {
  const groups = Map.groupBy(rows, ({ metrics }) => Object.keys(metrics)[0]);
  return [...groups.values()]
    .map((group) => {
      const columns = [...new Set(group.flatMap(({ metrics }) => Object.keys(metrics)))];
      const lines = group.map(({ subject, metrics }) => [
        subject,
        ...columns.map((column) => cell(metrics[column])),
      ]);
      return table(['', ...columns], lines);
    })
    .join('\n<p></p>\n');
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const of = (tag: 'th' | 'td', cells: readonly string[]): string =>
    `<tr>${cells.map((text) => `<${tag}${text === 'met' || text === 'missed' ? ` class="${text}"` : ''}>${escaped(text)}</${tag}>`).join('')}</tr>`;
  return `<div class="scroll"><table>${of('th', head)}\n${lines.map((line) => of('td', line)).join('\n')}</table></div>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
