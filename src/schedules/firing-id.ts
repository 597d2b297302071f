/** What a job's id is of that a schedule enqueues: `<schedule>/<the second it was due>`, or `<schedule>/triggered/<id>`. Nobody else enqueues such. */
export const FIRING_ID = /^([a-z0-9][a-z0-9._-]{0,99})\/(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|triggered\/[\w-]+)$/;
