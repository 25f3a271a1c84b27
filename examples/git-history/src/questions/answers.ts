import type { AuthorHistory } from './author-history.ts';
import type { FileHistory } from './file-history.ts';
import type { Month } from './monthly-activity.ts';
import type { RankedAuthor, RankedFile } from './ranking.ts';

/** How many, and of files below which directory. */
export interface Ranking {
  readonly limit: number;
  readonly under?: string | undefined;
}

/** What can be asked about a repository. From the log and from the read models, the answers are the same. */
export interface Answers {
  file(path: string): Promise<FileHistory | undefined>;
  author(author: string): Promise<AuthorHistory | undefined>;
  topAuthors(ranking: Ranking): Promise<readonly RankedAuthor[]>;
  topFiles(ranking: Ranking): Promise<readonly RankedFile[]>;
  activity(): Promise<readonly Month[]>;
}
