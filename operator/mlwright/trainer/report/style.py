"""The look of all pages: readable in light and dark, on paper, and without anything loaded from elsewhere."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5b6676; --line: #d9dee6; --paper: #fff; --now: #2f6fde;
  --earlier: #b7bfcc; --bad: #b3261e; --badpaper: #fdecea; --good: #1b7f4b; --goodpaper: #e8f5ee; --warn: #8a5a00;
  --warnpaper: #fff4dd; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf2; --soft: #9aa6b6; --line: #323b49; --paper: #151a22;
  --now: #6ea1ff; --earlier: #566072; --bad: #ff8a80; --badpaper: #3a1d1b; --good: #6fd3a0; --goodpaper: #16301f;
  --warn: #ffcf70; --warnpaper: #352a12; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 28px 20px 60px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 34px 0 10px; }
p.lead { color: var(--soft); margin: 0 0 18px; overflow-wrap: anywhere; }
.verdict { border-left: 5px solid; border-radius: 6px; padding: 12px 16px; margin: 18px 0; }
.failed { border-color: var(--bad); background: var(--badpaper); } .failed b { color: var(--bad); }
.warned { border-color: var(--warn); background: var(--warnpaper); } .warned b { color: var(--warn); }
.passed { border-color: var(--good); background: var(--goodpaper); } .passed b { color: var(--good); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: 7px 10px; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; font-size: 13px; } td.number, th.number { text-align: right;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; margin: 0; } dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.columns { display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr)); gap: 16px; }
.column { border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; break-inside: avoid; }
.column h3 { margin: 0; font-size: 15px; overflow-wrap: anywhere; } .column p { margin: 2px 0 8px; color: var(--soft);
  font-size: 13px; } .column.wrong { border-color: var(--bad); }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--soft); } .axis { stroke: var(--line); }
.now { fill: var(--now); } .earlier { fill: var(--earlier); }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 5px 0 12px; }
.key.now { background: var(--now); } .key.earlier { background: var(--earlier); }
"""
