import type { Asking, Question } from './arguments.ts';
import { GitHistoryError } from './errors.ts';
import type { HistoryStore } from './events.ts';
import { activityAnswer, authorAnswer, fileAnswer, rankingAnswer } from './output/answers.ts';
import type { Answers } from './questions/answers.ts';
import { answersFromLog } from './questions/answers-from-log.ts';
import { answersFromReadModels } from './read-models/answers-from-read-models.ts';
import { withWayOut } from './read-models/way-out.ts';

/** An answer, for people and for `--json`. */
export interface Answer {
  readonly text: string;
  readonly json: unknown;
}

/** Whether the read models know the answer: they are about now, and the events say what was at a date. */
export function asksReadModels({ question, fromLog }: Pick<Asking, 'question' | 'fromLog'>): boolean {
  return !fromLog && !('at' in question && question.at !== undefined);
}

/** Answers a question about a repository. Throws `GitHistoryError` `NOT_FOUND`, `READ_MODEL_BROKEN`. */
export async function ask(
  store: HistoryStore,
  repository: string,
  asking: Pick<Asking, 'question' | 'fromLog'>,
): Promise<Answer> {
  const { question } = asking;
  if (asksReadModels(asking)) return withWayOut(() => answer(answersFromReadModels(store, repository), question));
  return answer(answersFromLog(store, repository, 'at' in question ? question.at : undefined), question);
}

async function answer(answers: Answers, question: Question): Promise<Answer> {
  switch (question.kind) {
    case 'file': {
      const file = await answers.file(question.path);
      if (file === undefined) throw unknown('file', question.path, question.at);
      return { text: fileAnswer(file, question.at), json: { ...file, authors: Object.fromEntries(file.authors) } };
    }
    case 'author': {
      const author = await answers.author(question.author);
      if (author === undefined) throw unknown('author', question.author, question.at);
      return { text: authorAnswer(author, question.at), json: author };
    }
    case 'top': {
      const { limit, under } = question;
      const authors = under === undefined ? await answers.topAuthors({ limit }) : undefined;
      const files = await answers.topFiles({ limit, under });
      const json = { authors, files: files.map((file) => ({ ...file, authors: file.authors.size })) };
      return { text: rankingAnswer(authors, files), json };
    }
    case 'activity': {
      const months = await answers.activity();
      return { text: activityAnswer(months), json: months };
    }
  }
}

function unknown(what: string, name: string, at: Date | undefined): GitHistoryError {
  const until = at === undefined ? '' : ` until ${at.toISOString()}`;
  return new GitHistoryError('NOT_FOUND', `The imported history has no ${what} ${JSON.stringify(name)}${until}.`);
}
