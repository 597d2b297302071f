/** Whether a command goes with what SERVICE_TYPE and USE_JOBS say this process is. Asked before anything is connected. */
import { SetupError } from '../errors.ts';
import type { JobSettings, ServiceType } from '../settings/job-settings.ts';

/** What a process that runs the command is. */
const TYPE_OF = { worker: 'worker', starter: 'worker', server: 'frontend' } as const;

const DOES = {
  frontend: 'enqueues and serves',
  worker: 'runs work',
  monolith: 'serves and runs work in one process',
} as const satisfies Record<ServiceType, string>;

/** @throws SetupError naming the setting, the command, and what to do */
export function checkService(command: keyof typeof TYPE_OF, { serviceType, useJobs }: Pick<JobSettings, 'serviceType' | 'useJobs'>): void {
  const type = TYPE_OF[command];
  if (serviceType !== undefined && serviceType !== type) {
    throw new SetupError(
      `SERVICE_TYPE is '${serviceType}', which ${DOES[serviceType]}, and 'tidemark ${command}' is a ${type}. Run 'tidemark run', or set SERVICE_TYPE=${type}.`,
    );
  }
  if (type === 'worker' && !useJobs) {
    throw new SetupError(
      `USE_JOBS is 'off', so jobs run in the process that enqueues them, and 'tidemark ${command}' has none to run. Set USE_JOBS=on, or leave the ${command} out.`,
    );
  }
}

/**
 * What `tidemark run` runs in this process. Without jobs a monolith is its server: it runs what it enqueues itself.
 * @throws SetupError where there is nothing that it could run
 */
export function doorsOf({ serviceType = 'monolith', useJobs }: Pick<JobSettings, 'serviceType' | 'useJobs'>): ('server' | 'worker')[] {
  if (serviceType === 'worker') {
    if (!useJobs) {
      throw new SetupError(
        "SERVICE_TYPE is 'worker' and USE_JOBS is 'off', so jobs run in the process that enqueues them, and a worker has none to run. Set USE_JOBS=on, or SERVICE_TYPE=frontend.",
      );
    }
    return ['worker'];
  }
  return serviceType === 'monolith' && useJobs ? ['server', 'worker'] : ['server'];
}
