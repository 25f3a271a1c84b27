import { render } from 'preact';
import { App } from './app.tsx';
import { restoreTheme } from './components/theme.ts';
import './styles/index.css';

restoreTheme();
const root = document.querySelector('#app');
if (root !== null) render(<App />, root);
