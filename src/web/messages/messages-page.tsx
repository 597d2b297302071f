/** Messages: who gets them, how much is on its way, and what could not be delivered. */
import '../work/work.css';
import { client } from '../client.ts';
import { Empty, Failure, Loading } from '../notice.tsx';
import { links } from '../router.ts';
import { useMay } from '../session-context.ts';
import { usePolled } from '../use-polled.ts';
import { Dead } from '../work/dead.tsx';
import { Samples } from './samples.tsx';
import { Subscriptions } from './subscriptions.tsx';

const SUBSCRIPTIONS_MS = 2_000;
const ERRORS_MS = 5_000;
const WORKFLOW = 'delivery';

export default function MessagesPage() {
  const may = useMay();
  const subscriptions = usePolled((signal) => client.subscriptions.list({ signal }), SUBSCRIPTIONS_MS, 'subscriptions');
  const errors = usePolled((signal) => client.work.errors({ workflow: WORKFLOW, signal }), ERRORS_MS, 'dead letters');
  const reload = () => {
    subscriptions.reload();
    errors.reload();
  };
  return (
    <div className="page page--wide">
      <h1>Messages</h1>
      {subscriptions.error && (
        <Failure what="The subscriptions could not be counted." error={subscriptions.error} retry={subscriptions.reload} />
      )}
      {subscriptions.data ? (
        <Subscriptions subscriptions={subscriptions.data.subscriptions} onDone={reload} />
      ) : (
        !subscriptions.error && <Loading what="the subscriptions" />
      )}
      <section aria-labelledby="dead-letters">
        <h2 id="dead-letters">Dead letters, by error</h2>
        {errors.error && <Failure what="The dead letters could not be grouped." error={errors.error} retry={errors.reload} />}
        {errors.data &&
          (errors.data.errors.length === 0 ? (
            <Empty>Every message was delivered, or still may be.</Empty>
          ) : (
            <Dead
              errors={errors.data.errors}
              group=""
              workflow={WORKFLOW}
              linkWith={(filters) => links.work({ ...filters, workflow: WORKFLOW })}
              onDone={reload}
              more={may.admin ? ({ fingerprint }) => <Samples fingerprint={fingerprint} /> : undefined}
            />
          ))}
      </section>
    </div>
  );
}
