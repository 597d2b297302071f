/**
 * What a figure is: a value of ours, a baseline measured in the same run, and the goal it has to meet.
 *
 * The machine is never quiet, so a value alone says little: value and baseline take turns, round by round, and their medians are compared.
 */

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** In the same unit, of the same run. */
  readonly baseline: number;
  /** value / baseline */
  readonly ratio: number;
  /** As a person reads it. */
  readonly goal: string;
  readonly met: boolean;
  /** What the baseline is, and what else was seen. */
  readonly note: string;
}

export interface Measured {
  value: number;
  baseline: number;
}

export interface FigureText {
  name: string;
  unit: string;
  note: string;
}

/** The ratio has to be at least this: a rate. */
export function rateFigure(text: FigureText, measured: Measured, atLeast: number): Figure {
  return figure(text, measured, `ratio ≥ ${atLeast}`, ratioOf(measured) >= atLeast);
}

/** The value may be at most `atMost` times the baseline, plus `plus`: a duration. */
export function durationFigure(text: FigureText, measured: Measured, atMost: number, plus = 0): Figure {
  const goal = plus === 0 ? `ratio ≤ ${atMost}` : `value ≤ ${atMost} × baseline + ${plus} ${text.unit}`;
  return figure(text, measured, goal, measured.value <= atMost * measured.baseline + plus);
}

/** The value itself may be at most this; the baseline stands beside it. */
export function limitFigure(text: FigureText, measured: Measured, atMost: number): Figure {
  return figure(text, measured, `value ≤ ${atMost} ${text.unit}`, measured.value <= atMost);
}

/** The value itself has to be at least this; the baseline stands beside it. */
export function floorFigure(text: FigureText, measured: Measured, atLeast: number): Figure {
  return figure(text, measured, `value ≥ ${atLeast} ${text.unit}`, measured.value >= atLeast);
}

/** For a value that has no goal of its own. */
export function reportedFigure(text: FigureText, measured: Measured): Figure {
  return figure(text, measured, 'none, reported', true);
}

function figure({ name, unit, note }: FigureText, measured: Measured, goal: string, met: boolean): Figure {
  return { name, value: measured.value, unit, baseline: measured.baseline, ratio: ratioOf(measured), goal, met, note };
}

function ratioOf({ value, baseline }: Measured): number {
  return value / baseline;
}

export interface Rounds {
  rounds: number;
  /** Rounds before the first that counts. Default 1. */
  warmUp?: number;
  /** One round; answers with what it measured. */
  value: (round: number) => Promise<number>;
  baseline: (round: number) => Promise<number>;
}

/** Rounds of value and baseline by turns, each first every other time. @returns the medians */
export async function alternate({ rounds, warmUp = 1, value, baseline }: Rounds): Promise<Measured> {
  const values: number[] = [];
  const baselines: number[] = [];
  for (let round = 0; round < warmUp + rounds; round += 1) {
    const turns = [async () => values.push(await value(round)), async () => baselines.push(await baseline(round))];
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) {
      await turn();
    }
  }
  return { value: quantile(values.slice(warmUp), 0.5), baseline: quantile(baselines.slice(warmUp), 0.5) };
}

export interface Turns {
  rounds: number;
  /** Rounds before the first that counts. Default 1. */
  warmUp?: number;
  /** By name: one round; answers with what it measured. */
  turns: Record<string, (round: number) => Promise<number>>;
}

/** Rounds of several by turns, each round beginning with another. @returns their medians */
export async function takeTurns({ rounds, warmUp = 1, turns }: Turns): Promise<Record<string, number>> {
  const names = Object.keys(turns);
  const measured: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < warmUp + rounds; round += 1) {
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      measured[name]?.push((await turns[name]?.(round)) as number);
    }
  }
  return Object.fromEntries(names.map((name) => [name, quantile((measured[name] as number[]).slice(warmUp), 0.5)]));
}

/** Between the two nearest where there is none at that place. */
export function quantile(numbers: readonly number[], q: number): number {
  const sorted = [...numbers].sort((one, other) => one - other);
  const place = (sorted.length - 1) * q;
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  if (below === undefined || above === undefined) {
    throw new Error('There is no quantile of nothing.');
  }
  return below + (above - below) * (place - Math.floor(place));
}

/** Milliseconds that `body` took. */
export async function timed(body: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await body();
  return performance.now() - start;
}
