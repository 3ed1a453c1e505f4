// The chart: Chart.js with our colours, whole numbers and local times.
"use strict";
{
  const hw = window.headwater;
  const canvas = document.getElementById("chart");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const minute = 60_000, day = 24 * 60 * minute;
  const format = (options) => new Intl.DateTimeFormat(undefined, options);
  const clock = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const date = format({ day: "numeric", month: "short" });
  const exact = format({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  const brief = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

  const read = () => JSON.parse(document.getElementById("chart-json").textContent);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Ticks stand at round local times: at most so many, at least 5 minutes apart.
  const spacings = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 5760].map((m) => m * minute);
  const roundTicks = (from, to, most) => {
    const space = spacings.find((s) => (to - from) / s <= most) || 7 * day;
    const zone = (at) => new Date(at).getTimezoneOffset() * minute;
    const ticks = [];
    // Counted in local time, so that a day begins at midnight on both sides of a clock change.
    for (let local = Math.ceil((from - zone(from)) / space) * space; ; local += space) {
      const guess = local + zone(from);
      const at = local + zone(guess);
      if (at > to) return { ticks, space };
      if (at >= from) ticks.push({ value: at });
    }
  };

  const options = (data) => ({
    responsive: true, maintainAspectRatio: false, normalized: true, parsing: false,
    animation: still.matches ? false : { duration: 300 },
    interaction: { mode: "index", intersect: false },
    layout: { padding: { top: 8, right: 12 } },
    scales: {
      x: {
        type: "linear", min: drawn(data)[0]?.[0], max: drawn(data).at(-1)?.[0],
        grid: { display: false }, border: { color: colour("--line") },
        afterBuildTicks: (axis) => {
          const made = roundTicks(axis.min, axis.max, axis.width < 420 ? 4 : 8);
          axis.ticks = made.ticks;
          axis.headwaterSpace = made.space;
        },
        ticks: {
          color: colour("--muted"), maxRotation: 0, autoSkip: false, font: { size: 12 },
          callback(value) { return (this.headwaterSpace >= day ? date : clock).format(value); },
        },
      },
      y: {
        beginAtZero: true, suggestedMax: 4, border: { display: false },
        grid: { color: colour("--line-soft"), drawTicks: false },
        ticks: {
          color: colour("--muted"), precision: 0, maxTicksLimit: 5, padding: 10, font: { size: 12 },
          callback: (value) => Number.isInteger(value) ? brief.format(value) : "",
        },
      },
    },
    plugins: {
      legend: { display: false },
      tooltip: {
        backgroundColor: colour("--ink"), titleColor: colour("--paper"), bodyColor: colour("--paper"),
        padding: 10, cornerRadius: 8, displayColors: false, titleFont: { weight: "normal", size: 12 }, bodyFont: { weight: "600", size: 14 },
        callbacks: {
          title: (items) => {
            const data = read(), i = items[0].dataIndex + hidden(data);
            return exact.format(data.points[i][0]) + " – " + clock.format(end(data, i));
          },
          label: (item) => whole.format(item.parsed.y) + (item.parsed.y === 1 ? " call" : " calls"),
        },
      },
    },
  });

  // The window may begin or end within a bucket, and the last one may still run. Such
  // a point has less time to count in: the line begins after the first of them, and is
  // dashed to the last.
  const end = (data, i) => data.points[i + 1]?.[0] ?? Math.min(data.points[i][0] + data.bucket, data.to);
  const partial = (data, i) => end(data, i) - data.points[i][0] < data.bucket || (data.running && i === data.points.length - 1);
  const hidden = (data) => data.points.length > 3 && partial(data, 0) ? 1 : 0;
  const drawn = (data) => data.points.slice(hidden(data));
  const isPartial = (data, i) => partial(data, i + hidden(data));

  const dataset = (data) => {
    const line = colour("--" + data.step);
    const atEdge = ({ p0DataIndex, p1DataIndex }) => isPartial(data, p0DataIndex) || isPartial(data, p1DataIndex);
    return {
      data: drawn(data).map(([x, y]) => ({ x, y })), borderColor: line, borderWidth: 2,
      backgroundColor: colour("--" + data.step + "-soft"), fill: "origin",
      pointRadius: data.points.length < 2 ? 3 : 0, pointHoverRadius: 4, pointHoverBackgroundColor: line, pointHoverBorderColor: colour("--surface"), pointHoverBorderWidth: 2,
      segment: {
        borderDash: (at) => atEdge(at) ? [3, 4] : undefined,
        backgroundColor: (at) => atEdge(at) ? "transparent" : undefined,
      },
      cubicInterpolationMode: "monotone", borderJoinStyle: "round",
    };
  };

  let chart = null;
  const draw = (calm) => {
    const data = read();
    if (!chart) {
      chart = new Chart(canvas, { type: "line", data: { datasets: [dataset(data)] }, options: options(data) });
      return;
    }
    Object.assign(chart.data.datasets[0], dataset(data));
    chart.options = options(data);
    chart.update(calm ? "none" : undefined);
  };

  if (canvas && window.Chart) {
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    draw(false);
    document.addEventListener("headwater:swapped", () => draw(true));
    document.addEventListener("headwater:theme", () => draw(true));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(true));
  }
}
