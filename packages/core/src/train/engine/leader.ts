// The thread that trains: it takes the records, makes pairs and tokens of them, leads the steps and writes the model.
import { rmSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { NestbitError } from '../../errors.ts';
import { checkpointPath, readCheckpoint, trainingIdentity, writeCheckpoint } from '../checkpoint.ts';
import { checkPairs } from '../data/check-pairs.ts';
import { holdOut } from '../data/hold-out.ts';
import { PairBuilder } from '../data/pair-builder.ts';
import { pairSetOf } from '../data/pair-set.ts';
import { measureRetention } from '../measure/retention.ts';
import type { FromLeader, LeaderData, ToLeader, TrainReport } from '../messages.ts';
import { writeModel } from '../model/write-model.ts';
import { trainTokenizer } from '../tokenizer/tokenizer.ts';
import { Pace } from './pace.ts';
import { Trainer } from './trainer.ts';

if (parentPort === null) throw new Error('this module runs as a worker thread');
const port = parentPort;
const { settings, abort } = workerData as LeaderData;
const builder = new PairBuilder();

port.on('message', (message: ToLeader) => {
  try {
    if (message.type === 'records') {
      for (const record of message.records) builder.add(record);
      send({ type: 'taken' });
    } else void finish();
  } catch (error) {
    fail(error);
  }
});

async function finish(): Promise<void> {
  try {
    send({ type: 'done', report: await train() });
    port.close();
  } catch (error) {
    fail(error);
  }
}

async function train(): Promise<TrainReport> {
  const started = performance.now();
  const texts = builder.build();
  tell('tokenizing', 0, texts.texts.length);
  const tokenizer = trainTokenizer(settings, texts.texts);
  let done = 0;
  const all = pairSetOf(
    texts,
    (text) => {
      if (++done % 5000 === 0) {
        tell('tokenizing', done, texts.texts.length);
      }
      return tokenizer.encode(text);
    },
    tokenizer.vocabulary,
    settings.maxLength,
  );
  checkPairs(texts, all.scores);
  const { training, held } = holdOut(all);
  const trainer = new Trainer(training, tokenizer.vocabulary, settings);
  const identity = trainingIdentity(all, settings);
  const checkpoint = checkpointPath(settings);
  if (settings.resume) trainer.position = readCheckpoint(checkpoint, identity, trainer.state);
  const save = (): void => writeCheckpoint(checkpoint, identity, trainer.position, trainer.state);
  const pace = new Pace(trainer.steps, trainer.position.step, trainer.layout.anchors ?? trainer.layout.batch);
  let saved = performance.now();
  tell('training', trainer.position.step, trainer.steps);
  trainer.run(() => {
    if (pace.due) send({ type: 'progress', progress: pace.progress(trainer.position) });
    const stopped = Atomics.load(abort, 0) !== 0;
    if (stopped || performance.now() - saved > settings.checkpointEvery * 1000) {
      save();
      saved = performance.now();
    }
    if (stopped) throw stoppedAt(trainer.position.step, trainer.steps, checkpoint);
  });
  tell('writing', 0, 1);
  const { table } = trainer.state;
  const retention = measureRetention(table, held, settings.dimensions);
  const { step: steps, loss = Number.NaN } = trainer.position;
  const pairs = training.anchors.length;
  const { oneWay } = trainer.layout;
  const negatives = all.negativesEach === 0 ? 'in-batch negatives' : 'in-batch and hard negatives';
  const lossName =
    all.scores === undefined
      ? `${oneWay === true ? '' : 'symmetric '}multiple negatives ranking, ${negatives}`
      : 'CoSENT';
  await writeModel(table, tokenizer.files, settings, {
    pairs,
    steps,
    batch: trainer.layout.anchors ?? trainer.layout.batch,
    loss,
    lossName,
    retention,
  });
  rmSync(checkpoint, { force: true });
  return {
    out: settings.out,
    dimensions: settings.dimensions,
    vocabulary: tokenizer.vocabulary,
    pairs,
    identical: texts.identical,
    steps,
    loss,
    seconds: (performance.now() - started) / 1000,
    retention,
  };
}

function tell(phase: 'tokenizing' | 'training' | 'writing', done: number, total: number): void {
  const progress = { phase, done, total, loss: undefined, rate: undefined, secondsLeft: undefined };
  send({ type: 'progress', progress });
}

function stoppedAt(step: number, steps: number, checkpoint: string): NestbitError {
  return new NestbitError(
    'ABORTED',
    `The training was stopped after step ${step} of ${steps}; ${checkpoint} keeps it: run it again with resume to go on.`,
  );
}

function fail(error: unknown): void {
  const code = error instanceof NestbitError ? error.code : undefined;
  send({ type: 'failed', code, message: error instanceof Error ? error.message : String(error) });
  port.close();
}

function send(message: FromLeader): void {
  port.postMessage(message);
}
