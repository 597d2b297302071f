/**
 * A real browser, and the page as it is in the sources, built once for their state.
 *
 * The browser is one that is there (CHROME_PATH, Chrome, Chromium, one of Playwright's), else Debian's where we are root on Debian, else one that
 * Playwright fetches. None at all is an error that says what to install: without a browser nothing of the page is tested.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { oneAtATime } from './one-at-a-time.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cache = join(root, 'node_modules/.cache/tidemark');
/** Where screenshots of a run are. */
const SCREENSHOTS = join(root, 'node_modules/.cache/tidemark/screenshots');
const run = promisify(execFile);

const NAMES = ['chromium', 'google-chrome', 'google-chrome-stable', 'chromium-browser', 'chrome', 'microsoft-edge'];
const PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];
const FETCH_MS = 300_000;
const isRootOnDebian = process.getuid?.() === 0 && existsSync('/etc/debian_version');
/** Debian's own first, where it can be had: Playwright's has to be told which libraries are missing. */
const SOURCES: [name: string, commands: [program: string, ...args: string[]][]][] = [
  ['playwright-core install', [[process.execPath, join(root, 'node_modules/playwright-core/cli.js'), 'install', 'chromium']]],
];
if (isRootOnDebian) SOURCES.unshift(['apt-get install', aptInstall('chromium')]);
/** For hooks that open a browser: it may have to be fetched. */
export const BROWSER_DEADLINE_MS = 2 * FETCH_MS;
/** For what a person would see at once, on a machine that is busy. */
const WAIT_MS = 15_000;

/** @throws where there is none and none can be had */
async function findBrowser(): Promise<string> {
  return present() ?? (await oneAtATime('browser', async () => present() ?? (await fetchBrowser()), 2 * FETCH_MS));
}

async function fetchBrowser(): Promise<string> {
  const tried: string[] = [];
  for (const [what, commands] of SOURCES) {
    try {
      for (const [program, ...args] of commands) await run(program, args, { timeout: FETCH_MS });
    } catch (error) {
      const said = String((error as { stderr?: string }).stderr || error);
      tried.push(`${what}: ${said.trim().split('\n').at(-1)}`);
    }
    const path = present();
    if (path) return path;
  }
  throw new Error(
    `The page's tests need Chrome or Chromium, and none was found or could be fetched (${tried.join('; ')}). Install one, for example with "apt-get install chromium" or "npx playwright-core install chromium", or set CHROME_PATH to its program.`,
  );
}

function aptInstall(name: string): [program: string, ...args: string[]][] {
  return [
    ['apt-get', 'update'],
    ['apt-get', 'install', '-o', 'DPkg::Lock::Timeout=120', '-y', '--no-install-recommends', name],
  ];
}

function present(): string | undefined {
  const inPath = (process.env.PATH ?? '').split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [process.env.CHROME_PATH, ...inPath, ...PLACES, chromium.executablePath()].find((path) => path && existsSync(path));
}

export async function launchBrowser(): Promise<Browser> {
  const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update'];
  return await chromium.launch({
    executablePath: await findBrowser(),
    headless: true,
    // Root may not have a sandbox; what is opened here is our own.
    args: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), ...quiet, '--disable-sync'],
  });
}

export interface PageOptions {
  width?: number;
  height?: number;
  /** What the system prefers. */
  theme?: 'light' | 'dark';
  /** Another one's cookies and cache are not seen. Default: a new one, closed with the page. */
  context?: BrowserContext;
}

export interface OpenedPage {
  page: Page;
  context: BrowserContext;
  /** What the console said as an error, exceptions that nobody caught, what the Content Security Policy refused, requests to elsewhere. */
  problems: string[];
  /** Into SCREENSHOTS. */
  screenshot(name: string): Promise<void>;
  close(): Promise<void>;
}

/** @param url of a page; requests that go anywhere but to its server are refused, and are a problem */
export async function openPage(browser: Browser, url: string, options: PageOptions = {}): Promise<OpenedPage> {
  const { width = 1280, height = 800, theme = 'light' } = options;
  const context =
    options.context ??
    (await browser.newContext({ viewport: { width, height }, colorScheme: theme, reducedMotion: 'reduce', locale: 'en-GB' }));
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT_MS);
  await page.setViewportSize({ width, height });
  const problems: string[] = [];
  const { origin } = new URL(url);
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error.stack ?? error)));
  await page.route(
    (address) => address.origin !== origin && /^(https?|wss?):$/.test(address.protocol),
    async (route) => {
      problems.push(`a request to ${route.request().url()}`);
      await route.abort();
    },
  );
  await page.goto(url);
  return {
    page,
    context,
    problems,
    async screenshot(name) {
      await mkdir(SCREENSHOTS, { recursive: true });
      await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
    },
    async close() {
      await page.close();
      if (options.context === undefined) await context.close();
    },
  };
}

let building: Promise<string> | undefined;

/** @returns the folder of the page, built from the sources as they are, for `startTestServer(…, { pageDir })` */
export function builtPage(): Promise<string> {
  building ??= build();
  return building;
}

async function build(): Promise<string> {
  const hash = createHash('sha256');
  const files = (await readdir(join(root, 'src'), { recursive: true })).filter((name) => /\.(tsx?|css|html|svg)$/.test(name)).sort();
  for (const file of ['package-lock.json', 'vite.config.ts', 'scripts/build-page.mjs', ...files.map((name) => `src/${name}`)]) {
    hash.update(`${file}\0`).update(await readFile(join(root, file)));
  }
  const target = join(cache, `page-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(join(target, 'index.html'))) return target;
  for (const name of existsSync(cache) ? await readdir(cache) : []) {
    // Those of other states of the sources.
    if (/^page-[0-9a-f]{16}$/.test(name)) await rm(join(cache, name), { recursive: true, force: true });
  }
  const scratch = `${target}.${process.pid}`;
  await run(process.execPath, [join(root, 'scripts/build-page.mjs'), scratch], { cwd: root });
  await rename(scratch, target).catch(async (error) => {
    // Another test file was faster, with the same sources.
    if (!existsSync(join(target, 'index.html'))) throw error;
    await rm(scratch, { recursive: true });
  });
  return target;
}
