/** Whether a command goes with what this process is and where jobs run. Asked before anything is connected. */
import { SetupError } from '../errors.ts';
import { loadJobSettings, type ServiceType } from '../settings/job-settings.ts';
import type { WhereJobsRun } from './where-jobs-run.ts';

/** What a process that runs the command is. */
const TYPE_OF = { worker: 'worker', starter: 'worker', server: 'frontend' } as const;

const DOES = {
  frontend: 'enqueues and serves',
  worker: 'runs work',
  monolith: 'serves and runs work in one process',
} as const satisfies Record<ServiceType, string>;

/** @throws SetupError naming the setting, the command, and what to do */
export function checkServiceType(command: keyof typeof TYPE_OF): void {
  const { serviceType } = loadJobSettings();
  const type = TYPE_OF[command];
  if (serviceType !== undefined && serviceType !== type) {
    throw new SetupError(
      `SERVICE_TYPE is '${serviceType}', which ${DOES[serviceType]}, and 'tidemark ${command}' is a ${type}. Run 'tidemark run', or set SERVICE_TYPE=${type}.`,
    );
  }
}

const INSTEAD = {
  worker: 'leave the worker out: messages, snapshots and schedules then wait',
  starter: 'leave the starter out: messages, snapshots and schedules then wait',
  dev: "run 'tidemark server': dev has a worker",
} as const;

/** @throws SetupError where jobs run in whoever enqueues them, and the command is or has a worker */
export function checkUseJobs(command: keyof typeof INSTEAD, { useJobs, saidBy }: WhereJobsRun): void {
  if (!useJobs) {
    throw new SetupError(
      `${SAYS[saidBy]}, so jobs run in the process that enqueues them, and 'tidemark ${command}' has none to run. ${CHANGE[saidBy]}, or ${INSTEAD[command]}.`,
    );
  }
}

const SAYS = { app: 'The app says useJobs: false', USE_JOBS: "USE_JOBS is 'off'" } as const;
const CHANGE = { app: 'Leave that out of its createTidemark', USE_JOBS: 'Set USE_JOBS=on' } as const;

/**
 * What `tidemark run` runs in this process. Without jobs a monolith is its server: it runs what it enqueues itself.
 * @throws SetupError where there is nothing that it could run
 */
export function doorsOf(serviceType: ServiceType | undefined, { useJobs, saidBy }: WhereJobsRun): ('server' | 'worker')[] {
  if (serviceType === 'worker') {
    if (!useJobs) {
      throw new SetupError(
        `SERVICE_TYPE is 'worker' and ${saidBy === 'app' ? 'the app says useJobs: false' : SAYS.USE_JOBS}, so jobs run in the process that enqueues them, and a worker has none to run. ${CHANGE[saidBy]}, or SERVICE_TYPE=frontend.`,
      );
    }
    return ['worker'];
  }
  return serviceType !== 'frontend' && useJobs ? ['server', 'worker'] : ['server'];
}
