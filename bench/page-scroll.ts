/**
 * Thirty seconds of scrolling through a sheet of a million rows: a third as one reads, a third as fast as a wheel turns, a third by the scroll
 * bar from the first row to the last. The baseline is a page that draws nothing, for as long.
 */
import type { Page } from 'playwright-core';
import type { Environment } from './support/environment.ts';
import { type Figure, limitFigure } from './support/figure.ts';
import { openSheetPages } from './support/sheet-page.ts';

const SECONDS = 30;

interface Scrolled {
  frames: number[];
  tasks: number[];
}

export default async function measure(environment: Environment): Promise<Figure[]> {
  const pages = await openSheetPages(environment);
  try {
    const page = await pages.browser.newPage();
    await page.goto('about:blank');
    const blank = await scroll(page, SECONDS);
    await page.goto(await pages.addressOf(1_000_000));
    await page.locator('#cell-A1', { hasText: 'first' }).waitFor();
    const sheet = await scroll(page, SECONDS);
    const note = `of ${sheet.frames.length} in ${SECONDS} s of scrolling through 1,000,000 rows; baseline: a page that draws nothing`;
    return [
      limitFigure({ name: 'page-scroll-late-frames', unit: '%', note: `frames over 33 ms, ${note}` }, shares(sheet, blank), 5),
      limitFigure(
        { name: 'page-scroll-longest-task', unit: 'ms', note: `of the main thread; baseline: a page that draws nothing` },
        longest(sheet, blank),
        100,
      ),
    ];
  } finally {
    await pages.close();
  }
}

/** A sixtieth of a second has 16.7 ms, and two of them 33.4. */
const lateShare = ({ frames }: Scrolled) => (100 * frames.filter((ms) => ms > 34).length) / frames.length;
const shares = (sheet: Scrolled, blank: Scrolled) => ({ value: lateShare(sheet), baseline: Math.max(0.01, lateShare(blank)) });
const longest = (sheet: Scrolled, blank: Scrolled) => ({ value: Math.max(1, ...sheet.tasks), baseline: Math.max(1, ...blank.tasks) });

function scroll(page: Page, seconds: number): Promise<Scrolled> {
  return page.evaluate(async (length) => {
    const grid = document.querySelector('.sheet-grid') ?? document.documentElement;
    const tasks: number[] = [];
    const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration)));
    observer.observe({ entryTypes: ['longtask'] });
    const frames: number[] = [];
    const start = performance.now();
    let last = start;
    await new Promise<void>((resolve) => {
      const step = (now: number) => {
        frames.push(now - last);
        last = now;
        const part = (now - start) / 1000 / length;
        if (part < 1 / 3) grid.scrollTop += 8;
        else if (part < 2 / 3) grid.scrollTop += 300;
        else grid.scrollTop = (part * 3 - 2) * grid.scrollHeight;
        if (part < 1) requestAnimationFrame(step);
        else resolve();
      };
      requestAnimationFrame(step);
    });
    observer.disconnect();
    return { frames: frames.slice(1), tasks };
  }, seconds);
}
