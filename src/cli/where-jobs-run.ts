/** Whether jobs run in workers: what the application says goes before what USE_JOBS says, as it does in the application itself. */
import { loadJobSettings } from '../settings/job-settings.ts';
import { importApp } from './load-app.ts';

export interface WhereJobsRun {
  useJobs: boolean;
  /** Whose word that is, for a person who is refused something. */
  saidBy: 'app' | 'USE_JOBS';
}

/** @param app its file, or the default one. @throws SetupError where it does not load */
export async function whereJobsRun(app: string | undefined): Promise<WhereJobsRun> {
  const { useJobs } = loadJobSettings();
  const ofApp = (await importApp(app))?.app.useJobs;
  return ofApp === undefined || ofApp === useJobs ? { useJobs, saidBy: 'USE_JOBS' } : { useJobs: ofApp, saidBy: 'app' };
}
