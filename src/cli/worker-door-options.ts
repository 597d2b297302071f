/** What `tidemark worker` is told on its command line. */
export interface WorkerOptions {
  /** The file whose default export is the application; undefined: `tidemark.config.…` here, else what Tidemark brings itself. */
  app?: string;
  /** False: another process starts executions. */
  starter: boolean;
  /** Brings the subscriptions of the database to what the app says, first. */
  apply?: boolean;
  /** Ends it when nothing has been due or running for so many seconds. */
  exitWhenIdle?: number;
  /** These subscriptions alone. */
  subscriptions?: readonly string[];
  /** All but these subscriptions. */
  except?: readonly string[];
}
