/** A CSV or XLSX file becomes a sheet: chosen, or dropped anywhere on the page. */
import { useEffect, useRef, useState } from 'react';
import { api } from '../client.ts';
import { formatBytes, plural } from '../format.ts';
import { ImportChoice } from '../import-choice.tsx';
import { go, links } from '../router.ts';
import { toast } from '../toasts.tsx';
import { formatOfFile, upload } from '../upload.ts';
import { logIdOfFile } from './log-id.ts';

interface Running {
  name: string;
  bytes: number;
  part: number;
  controller: AbortController;
}

export function ImportFile() {
  const [running, setRunning] = useState<Running>();
  const [isOver, setIsOver] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [choice, setChoice] = useState<{ file: File; sheetId: string }>();
  const input = useRef<HTMLInputElement>(null);

  /** @param into a sheet that a person has named. Default: the one that the file's name makes, where that is empty */
  const start = async (file: File | undefined, into?: string) => {
    setIsOver(false);
    setChoice(undefined);
    if (file === undefined || running) return;
    const format = formatOfFile(file);
    if (format === undefined) {
      setProblem(`“${file.name}” is neither a CSV nor an XLSX file.`);
      return;
    }
    setProblem(undefined);
    const id = into ?? logIdOfFile(file.name);
    const controller = new AbortController();
    const state = { name: file.name, bytes: file.size, part: 0, controller };
    setRunning(state);
    try {
      if (into === undefined && (await api.hasEntries(id))) {
        setChoice({ file, sheetId: id });
        setRunning(undefined);
        return;
      }
      const report = await upload<{ rows: number }>(api.importAddress(id, format, file.name), file, {
        onProgress: (part) => setRunning({ ...state, part }),
        signal: controller.signal,
      });
      toast(`Imported ${plural(report.rows, 'row')} into ${id}.`);
      go(links.sheet(id));
    } catch (error) {
      if (!controller.signal.aborted) setProblem((error as Error).message);
    }
    setRunning(undefined);
  };

  const newest = useRef(start);
  newest.current = start;
  useEffect(() => {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const onOver = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      setIsOver(true);
    };
    const onLeave = (event: DragEvent) => {
      if (event.relatedTarget === null) setIsOver(false);
    };
    const onDrop = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      void newest.current(event.dataTransfer?.files[0]);
    };
    document.addEventListener('dragover', onOver);
    document.addEventListener('dragleave', onLeave);
    document.addEventListener('drop', onDrop);
    return () => {
      document.removeEventListener('dragover', onOver);
      document.removeEventListener('dragleave', onLeave);
      document.removeEventListener('drop', onDrop);
    };
  }, []);

  return (
    <section className={`card import ${isOver ? 'import--over' : ''}`} aria-label="Import a file">
      <h2>Import</h2>
      {running ? (
        <>
          <p role="status">
            {running.part < 1
              ? `Sending ${running.name} (${formatBytes(running.bytes)}): ${Math.round(running.part * 100)} %`
              : `${running.name} is there. Its rows are being written …`}
          </p>
          <div className="row">
            {running.part < 1 ? <progress value={running.part} max={1} aria-label="Sent" /> : <progress aria-label="Being written" />}
            <button type="button" className="button" onClick={() => running.controller.abort()}>
              Stop
            </button>
          </div>
        </>
      ) : (
        <div className="row">
          <button type="button" className="button" onClick={() => input.current?.click()}>
            Choose a file
          </button>
          <span className="muted">or drop a CSV or XLSX file anywhere on this page</span>
          <input
            ref={input}
            type="file"
            hidden
            accept=".csv,.tsv,.txt,.xlsx"
            onChange={(event) => {
              void start(event.target.files?.[0]);
              event.target.value = '';
            }}
          />
        </div>
      )}
      <p role="alert" className="form-problem">
        {problem}
      </p>
      {choice && (
        <ImportChoice
          fileName={choice.file.name}
          sheetId={choice.sheetId}
          onImport={(id) => void start(choice.file, id)}
          onCancel={() => setChoice(undefined)}
        />
      )}
    </section>
  );
}
