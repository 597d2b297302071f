/**
 * What a command shows while it works: with a terminal, steps along a line and a moving bar; without one (or in CI), plain lines.
 * The moving line is our own: the spinner of the library takes over the keyboard, where Ctrl-C then ends the process on the spot
 * and `-` could not be read. NO_COLOR is heeded by Node's own styling.
 */

import type { WriteStream } from 'node:tty';
import { log } from '@clack/prompts';
import { visible } from './print.ts';

export interface Screen {
  /** Something that is done. */
  done(text: string): void;
  warn(text: string): void;
  /** Shows `text` until it is done; `update` replaces it. */
  begin(text: string): Activity;
  /** Some lines that belong together. */
  box(title: string, lines: readonly string[]): void;
  line(text: string): void;
}

export interface Activity {
  /** @param share of the whole, from 0 to 1: draws a bar; absent: as before */
  update(text: string, share?: number): void;
  /** Ends it, with what became of it. */
  done(text: string): void;
  /** Ends it without a word: what follows is an error. */
  clear(): void;
}

export interface ScreenOptions {
  output: NodeJS.WriteStream;
  ci: boolean;
}

const FRAME_MS = 100;
const FRAMES = ['◒', '◐', '◓', '◑'];
const BAR_WIDTH = 24;
/** Some terminals do not say. */
const DEFAULT_COLUMNS = 80;
/** Without a terminal, progress is a line now and then. */
const PLAIN_EVERY_MS = 5_000;

export function createScreen({ output, ci }: ScreenOptions): Screen {
  return output.isTTY && !ci ? terminalScreen(output as WriteStream) : plainScreen(output);
}

function plainScreen(output: NodeJS.WriteStream): Screen {
  const line = (text: string) => void output.write(`${visible(text)}\n`);
  return {
    done: line,
    warn: (text) => line(`warning: ${text}`),
    begin(text) {
      line(`${text} …`);
      let lastAt = performance.now();
      return {
        update(news) {
          if (performance.now() - lastAt >= PLAIN_EVERY_MS) {
            lastAt = performance.now();
            line(news);
          }
        },
        done: line,
        clear: () => {},
      };
    },
    box(title, lines) {
      line('');
      line(title);
      lines.forEach(line);
      line('');
    },
    line,
  };
}

function terminalScreen(output: WriteStream): Screen {
  return {
    done: (text) => log.success(visible(text), { output }),
    warn: (text) => log.warn(visible(text), { output }),
    begin: (text) => moving(output, text),
    // Without a frame, which wraps: an address that is broken over two lines cannot be clicked or copied.
    box(title, lines) {
      log.step(visible(title), { output });
      log.message(lines.map(visible), { output, spacing: 0 });
    },
    line: (text) => log.message(visible(text), { output }),
  };
}

function moving(output: WriteStream, first: string): Activity {
  let shown = first;
  let share: number | undefined;
  let frame = 0;
  const erase = () => output.write('\r\x1b[2K');
  const draw = () => {
    const bar = share === undefined ? '' : `${barOf(share)} `;
    const text = `${FRAMES[frame % FRAMES.length]}  ${bar}${visible(shown)}`;
    output.write(`\r\x1b[2K${text.slice(0, (output.columns || DEFAULT_COLUMNS) - 1)}`);
    frame += 1;
  };
  draw();
  const timer = setInterval(draw, FRAME_MS);
  const end = () => {
    clearInterval(timer);
    erase();
  };
  return {
    update(text, newShare) {
      shown = text;
      share = newShare ?? share;
    },
    done(text) {
      end();
      log.success(visible(text), { output });
    },
    clear: end,
  };
}

function barOf(share: number): string {
  const full = Math.round(Math.min(Math.max(share, 0), 1) * BAR_WIDTH);
  return `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)}`;
}
