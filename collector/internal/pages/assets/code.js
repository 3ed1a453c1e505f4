// Colours for code: a small tokenizer that never changes the text.
"use strict";
{
  const rules = {
    go: [
      ["comment", /\/\/.*|\/\*[\s\S]*?\*\//y],
      ["string", /"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\]|\\.)*'/y],
      ["keyword", /\b(?:package|import|func|return|if|for|range|var|const|type|struct|map|defer|nil|true|false)\b/y],
      ["number", /\b\d[\d_.]*(?:e[+-]?\d+)?\b/y],
      ["name", /\b[A-Z]\w*(?=[({:])/y],
    ],
    json: [
      ["name", /"(?:[^"\\\n]|\\.)*"(?=\s*:)/y],
      ["string", /"(?:[^"\\\n]|\\.)*"/y],
      ["number", /-?\b\d[\d.]*(?:[eE][+-]?\d+)?\b/y],
      ["keyword", /\b(?:true|false|null)\b/y],
    ],
  };
  rules.javascript = [...rules.go];
  rules.javascript[2] = ["keyword", /\b(?:const|let|var|function|return|if|for|new|await|async|import|from|true|false|null)\b/y];
  rules.sh = [["comment", /(?<=^|\s)#.*/y], ["string", /"(?:[^"\\]|\\.)*"|'[^']*'/y], ["keyword", /(?<=\s|^)-{1,2}[a-zA-Z][\w-]*/y]];
  rules.html = [["comment", /<!--[\s\S]*?-->/y], ["string", /"[^"]*"|'[^']*'/y], ["keyword", /<\/?[a-zA-Z][\w-]*|\/?>/y]];
  Object.assign(rules, { js: rules.javascript, bash: rules.sh, shell: rules.sh, curl: rules.sh });

  // Text beyond this length stays plain, so that no call can hold the page up.
  const limit = 100_000;

  window.headwater.colour = (pre) => {
    const list = rules[(pre.dataset.language || "").toLowerCase()];
    const text = pre.textContent;
    if (!list || text.length > limit || pre.dataset.coloured) return;
    pre.dataset.coloured = "yes";
    const out = document.createDocumentFragment();
    let plain = 0, at = 0;
    scan: while (at < text.length) {
      for (const [kind, rule] of list) {
        rule.lastIndex = at;
        const match = rule.exec(text);
        if (!match) continue;
        out.append(text.slice(plain, at));
        const token = document.createElement("span");
        token.className = "t-" + kind;
        token.textContent = match[0];
        out.append(token);
        plain = at += match[0].length;
        continue scan;
      }
      at++;
    }
    out.append(text.slice(plain));
    pre.replaceChildren(out);
  };
}
