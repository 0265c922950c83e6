package simulation

import (
	"fmt"
	"io"
	"strings"

	"mprd/tx"
)

// The plot's measures, in its own units.
const (
	plotWidth, plotHeight     = 860, 420
	plotLeft, plotTop         = 80, 50
	plotInnerW, plotInnerH    = 560, 300
	plotPointsMax             = 200
	legendStep, legendLineLen = 20, 18
)

// plotColors are told apart without red and green (Okabe and Ito's palette, and greys).
var plotColors = [kinds]string{
	"#000000", "#999999", "#E69F00", "#D55E00", "#CC79A7", "#0072B2", "#56B4E9", "#009E73", "#B8A800",
}

// PlotSVG draws each agent's utility by epoch, in tokens. A scale that is linear near zero and logarithmic
// beyond (steps of ten) shows a reward of 20 beside a slash of 2000.
func (r *Result) PlotSVG(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" `+
		"font-size=\"12\">\n<title>Utility of each agent</title>\n"+
		"<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
		plotWidth, plotHeight, plotWidth, plotHeight)
	fmt.Fprintf(&b, "<text x=\"%d\" y=\"28\" font-size=\"15\">"+
		"Utility by agent: stake and balance gained or lost, bribes, less costs (tokens)</text>\n", plotLeft)
	epochs := r.epochs()
	r.writeAxes(&b, epochs)
	seen := map[Kind]bool{}
	legend := 0
	for i := range r.Agents {
		a := &r.Agents[i]
		fmt.Fprintf(&b, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" points=\"%s\"><title>%s"+
			"</title></polyline>\n", plotColors[a.Kind], r.points(a, epochs), a.Name)
		if !seen[a.Kind] {
			seen[a.Kind] = true
			y := plotTop + 10 + legend*legendStep
			x := plotLeft + plotInnerW + 25
			fmt.Fprintf(&b, "<path d=\"M%d %dh%d\" stroke=\"%s\" stroke-width=\"3\"/>"+
				"<text x=\"%d\" y=\"%d\">%s</text>\n",
				x, y, legendLineLen, plotColors[a.Kind], x+legendLineLen+8, y+4, a.Name)
			legend++
		}
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// epochs is the length of the series.
func (r *Result) epochs() int {
	if len(r.Agents) == 0 {
		return 0
	}
	return len(r.Agents[0].Series)
}

// writeAxes draws a line for every power of ten that a utility reaches.
func (r *Result) writeAxes(b *strings.Builder, epochs int) {
	s := r.span()
	for decade := -s.down; decade <= s.up; decade++ {
		y := s.yOf(decade * 1000)
		label := "0"
		if decade != 0 {
			label = "1" + strings.Repeat("0", max(decade, -decade)-1)
		}
		if decade < 0 {
			label = "−" + label
		}
		fmt.Fprintf(b, "<path d=\"M%d %dh%d\" stroke=\"#ddd\"/>"+
			"<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n",
			plotLeft, y, plotInnerW, plotLeft-8, y+4, label)
	}
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\">epoch 1</text>"+
		"<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%d</text>\n",
		plotLeft, plotTop+plotInnerH+20, plotLeft+plotInnerW, plotTop+plotInnerH+20, epochs)
}

// points are an agent's, thinned to what the eye can tell apart.
func (r *Result) points(a *Agent, epochs int) string {
	s := r.span()
	step := max(1, epochs/plotPointsMax)
	var points []string
	for i := 0; i < epochs; i++ {
		if i%step != 0 && i != epochs-1 {
			continue
		}
		x := plotLeft
		if epochs > 1 {
			x += i * plotInnerW / (epochs - 1)
		}
		points = append(points, fmt.Sprintf("%d,%d", x, s.yOf(scaled(a.Series[i]))))
	}
	return strings.Join(points, " ")
}

// span is how many powers of ten the plot has above and below zero.
type span struct{ up, down int }

// span holds every utility, and one power of ten each way at least.
func (r *Result) span() span {
	s := span{1, 1}
	for _, a := range r.Agents {
		for _, utility := range a.Series {
			at := scaled(utility)
			s.up, s.down = max(s.up, (at+999)/1000), max(s.down, (999-at)/1000)
		}
	}
	return s
}

// yOf places thousandths of a decade; up is less.
func (s span) yOf(scaled int) int {
	return plotTop + (s.up*1000-scaled)*plotInnerH/((s.up+s.down)*1000)
}

// scaled maps base units to thousandths of a decade: 1 token is 1000, 10 tokens 2000, 100 tokens 3000, linear
// between.
func scaled(utility int64) int {
	sign, size := 1, utility
	if utility < 0 {
		sign, size = -1, -max(utility, -1<<62)
	}
	if size <= tx.UnitsPerToken {
		return sign * int(size/(tx.UnitsPerToken/1000))
	}
	decade, low := 1, int64(tx.UnitsPerToken)
	for size/10 >= low && decade < 12 {
		decade, low = decade+1, low*10
	}
	return sign * (decade*1000 + int((size-low)/(low*9/1000)))
}
