"""The closed vocabulary of units: names that the library `pint` knows, and how answers spell them."""

from __future__ import annotations


def _table(text: str) -> dict[str, str]:
    """Return spelling -> name from lines of `name: spelling spelling; ...`."""
    entries = (entry.split(":") for entry in text.replace("\n", " ").split(";") if entry.strip())
    return {spelling: name.strip() for name, spellings in entries for spelling in spellings.split()}


WORDS = _table(
    """
meter: metre meter; kilometer: kilometer kilometre; centimeter: centimeter centimetre;
millimeter: millimeter millimetre; micrometer: micrometer micron; nanometer: nanometer nanometre;
decimeter: decimeter decimetre; inch: inch inches; foot: foot feet; yard: yard; mile: mile;
nautical_mile: nmi; light_year: lightyear; parsec: parsec; angstrom: angstrom; astronomical_unit: AU;
second: second sec; minute: minute min; hour: hour hr; day: day; week: week; month: month;
year: year yr; decade: decade; century: century centuries; millisecond: millisecond;
microsecond: microsecond; nanosecond: nanosecond; gram: gram gramme gm; kilogram: kilogram kilo;
milligram: milligram; microgram: microgram; metric_ton: tonne; ton: ton; pound: pound lb;
ounce: ounce oz; stone: stone; liter: liter litre; milliliter: milliliter millilitre;
centiliter: centiliter; gallon: gallon gal; quart: quart qt; pint: pint pt; cup: cup;
tablespoon: tablespoon tbsp; teaspoon: teaspoon tsp; fluid_ounce: floz; acre: acre; hectare: hectare;
newton: newton; joule: joule; watt: watt; kilowatt: kilowatt; megawatt: megawatt; volt: volt;
ampere: ampere amp; ohm: ohm; coulomb: coulomb; farad: farad; henry: henry henries; tesla: tesla;
weber: weber; pascal: pascal; kilopascal: kilopascal; bar: bar; atmosphere: atmosphere atm;
hertz: hertz; kilohertz: kilohertz; megahertz: megahertz; gigahertz: gigahertz; kelvin: kelvin;
mole: mole; candela: candela; lumen: lumen; lux: lux; electron_volt: electronvolt;
calorie: calorie cal; kilocalorie: kilocalorie kcal; erg: erg; dyne: dyne; gauss: gauss;
degree: degree deg; radian: radian rad; steradian: steradian; arcminute: arcmin arcminute;
arcsecond: arcsec arcsecond; bit: bit; byte: byte; kilobyte: kilobyte; megabyte: megabyte;
gigabyte: gigabyte; knot: knot; horsepower: horsepower; revolution: revolution rev;
degree_Celsius: celsius; degree_Fahrenheit: fahrenheit; mile/hour: mph; kilometer/hour: kmh kph;
revolution/minute: rpm; becquerel: becquerel; poise: poise; barn: barn; debye: debye;
dalton: dalton amu
"""
)
"""Whole words, in any case; plural forms by "s" count too."""

SYMBOLS = _table(
    """
meter: m; kilometer: km; centimeter: cm; millimeter: mm; nanometer: nm; decimeter: dm; picometer: pm;
foot: ft; yard: yd; mile: mi; inch: in; second: s secs; millisecond: ms; nanosecond: ns; hour: h hrs;
minute: mins; year: yrs; pound: lbs; gram: g; kilogram: kg; milligram: mg; liter: L l;
milliliter: mL ml cc; hectare: ha; newton: N; kilonewton: kN; joule: J; kilojoule: kJ; megajoule: MJ;
watt: W; kilowatt: kW; megawatt: MW; gigawatt: GW; milliwatt: mW; kilowatt_hour: kWh; watt_hour: Wh;
volt: V; kilovolt: kV; millivolt: mV; ampere: A; milliampere: mA; coulomb: C; farad: F; henry: H;
tesla: T; pascal: Pa; kilopascal: kPa; megapascal: MPa; gigapascal: GPa; hertz: Hz; kilohertz: kHz;
megahertz: MHz; gigahertz: GHz; kelvin: K; mole: mol; electron_volt: eV; kiloelectron_volt: keV;
megaelectron_volt: MeV; gigaelectron_volt: GeV; weber: Wb; lumen: lm; kilobyte: kB; megabyte: MB;
gigabyte: GB; steradian: sr; light_year: ly; parsec: pc; kiloparsec: kpc; megaparsec: Mpc; dyne: dyn;
candela: cd; decibel: dB; becquerel: Bq; dalton: u
"""
)
"""Symbols, case and all."""

COMMANDS = _table(
    """
ohm: Omega ohm; angstrom: AA angstrom; micro: mu; meter: metre meter; second: second;
kilogram: kilogram; gram: gram; newton: newton; joule: joule; watt: watt; volt: volt; ampere: ampere;
kelvin: kelvin; hertz: hertz; pascal: pascal; mole: mole; liter: litre liter; degree: degree;
hour: hour; minute: minute; day: day; coulomb: coulomb; tesla: tesla; farad: farad; henry: henry;
electron_volt: electronvolt
"""
)
"""Commands, of siunitx mostly."""

PREFIXES = frozenset(
    ("kilo", "mega", "giga", "milli", "micro", "nano", "centi", "deci", "pico", "tera")
)

CURRENCIES = _table(
    """
dollar: dollar dollars usd buck bucks; cent: cent cents ¢ penny pennies pence;
euro: euro euros eur €; sterling: gbp £; yuan: yuan rmb cny 元 块; rupee: rupee rupees inr rs ₹;
yen: yen jpy ¥ 円; ruble: ruble rubles руб рублей рубля рубль ₽; won: won ₩ 원; peso: peso pesos;
franc: franc francs; krona: krona; nickel: nickel nickels; dime: dime dimes; 角: 角
"""
)
"""Currencies; pint knows none, so they agree or differ by name."""

_COUNTED = """
unit student person people child boy girl man men woman women adult player member team point apple
orange egg book page word letter digit number coin ball marble card ticket dog cat cow horse chicken
animal bird fish tree flower car bus train item object piece slice cookie cake pizza candy sandwich
box bag bottle can way path solution triangle square circle rectangle polygon side face edge vertex
vertice vertices diagonal line segment arrangement combination permutation outcome subset set pair
integer factor divisor multiple term zero root value step move game match round turn lap trip
question problem class school room house worker employee friend guest toy pencil pen crayon sticker
stamp shirt sock shoe hat rose flower plant seat table chair row column block cube tile brick stair
floor gift customer passenger visitor vote voter hen goat sheep pig rabbit bee ant spider fan song
movie show photo post message call paper sheet package pack packet carton crate jar glass cup bowl
plate lemon banana pear peach grape cherry berry strawberry tomato potato onion carrot bean seed nut
peanut crab turtle duck frog bike bicycle wheel truck boat ship plane flight gate city town country
state street lot section region color colour 个 人 次 本 种 岁 千米 米 厘米 平方厘米 立方厘米
千克 克 分钟 小时 天 度 шт человек
см км
"""
COUNTED = tuple(_COUNTED.split())
"""Things that problems count. Others count only where the gold or the problem names them."""

ALONE = frozenset("msgLNJWVKhA")
"""Symbols of one letter that may stand as plain letters behind a space."""
