/** The workflow bundle. Deterministic code only; everything that touches the world is an activity. */
export { burst } from './burst.ts';
export { compact } from './compact.ts';
export { default } from './entry-work.ts';
export { erase } from './erase.ts';
export { scheduled } from './scheduled.ts';
export { snapshot } from './snapshot.ts';
